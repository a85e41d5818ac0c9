# Read by CMake while llama-cpp-python is compiled (see the Makefile): leave out llama.cpp's `common`
# library, which nothing here links against and which takes most of the time.
# A plain variable, since llama-cpp-python forces the cached one ON (CMake policy CMP0126).
set(LLAMA_BUILD_COMMON OFF)
