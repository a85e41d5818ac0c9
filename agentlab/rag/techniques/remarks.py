"""Telling a remark, such as a greeting or thanks, from what asks for something.

A remark is made of a closed list of words alone. What has any other word may ask for what the
documents hold ("annual leave policy"), so it is searched.
"""

from __future__ import annotations

import re

_MOST = 12  # words
_WORD = re.compile(r"[^\W_]+")
_ASKS = re.compile(
    r"[?؟？]|^\W*(is|was|are|do|does|did|can|will|have|what|how|why)\b", re.IGNORECASE
)
# Each of these alone is a remark.
_REMARKS = frozenset(
    """
    hello hi hey hiya greetings thanks thank thx ty cheers bye goodbye great good nice cool perfect
    super awesome excellent wonderful fantastic amazing brilliant lovely ok okay fine understood
    alright welcome sorry lol haha oh wow bravo congratulations helpful hm hmm ah
    hallo danke dankeschön tschüss tschüß servus moin merci bonjour bonsoir salut adieu hola gracias
    adiós adios obrigado obrigada olá ciao grazie buongiorno tack hej takk hei tak dzięki dziękuję
    спасибо привет 谢谢 你好 ありがとう こんにちは 감사합니다 안녕하세요
    """.split()  # noqa: SIM905
)
# These stand beside them.
_BESIDE = frozenset(
    """
    a again all also am and answer answered appreciate appreciated are at back be been beautiful but
    clear day dear evening everybody everyone explained explaining explanation for friend friends
    from future glad got guys happy have help helped helping helps here i information is it job just
    kind know lot m me meet million more morning much my night no now of once really s see so soon
    team that the then there this time to today very was we well wish work works you your
    done yes yeah please later quick reply
    vielen dank schön schönen guten morgen tag abend nacht sehr gut dir ihnen das ist hat geholfen
    beaucoup au revoir bien très c est muchas muy bueno buenos buenas días tardes noches mille molto
    bene så mycket
    """.split()  # noqa: SIM905
)
_GOODBYES = re.compile(r"^\W*(au revoir|vielen dank|guten (morgen|tag|abend))\W*$", re.IGNORECASE)


def is_remark(text: str) -> bool:
    """Whether ``text`` is nothing but a greeting, thanks, praise or the like, in a few words."""
    words = [word.casefold() for word in _WORD.findall(text)]
    if len(words) > _MOST or _ASKS.search(text):
        return False
    if not words or _GOODBYES.search(text):
        return True
    known = _REMARKS | _BESIDE
    return any(word in _REMARKS for word in words) and all(word in known for word in words)
