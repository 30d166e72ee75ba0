"""Words that say of people what a picture does not tell for sure, and the neutral words that stand in for them.

A caption that calls a woman a man is worse than one that says "person" (Hendricks et al. 2018, "Women also
Snowboard"). The table is for decoding, where a neutral word gets the probability of all it stands for; text is never
replaced.

Left alone on purpose: ages (young, old, baby), which a picture does show; names of costumes, positions and wedding
roles (cowboy hat, snowman, baseman, bride); nations that things have (American flag, German shepherd); and the colours
black and white. Those belong to dogs and shirts in 98 of 100 uses in Flickr8k, so "a black person" can still be said:
without people to go on with, a sentence that began with "a black" would look for a dog.
"""

from __future__ import annotations

from photocap.captioning.vocabulary import PAD, Vocabulary

NEUTRAL_SUFFIX = "+neutral"  # of the id of a model that speaks so, for the provenance of its captions

# The first word on the left that the vocabulary has speaks for the words on the right.
_NEUTRAL = {
    # Sex, read off hair and clothes. "mans" is how people misspell "man's".
    "person": "man woman mans womans guy gal dude bloke lady gentleman male female businessman businesswoman",
    "people": "men women guys gals dudes blokes ladies gentlemen males females businessmen businesswomen",
    "child kid person": "boy girl lad lass schoolboy schoolgirl son daughter nephew niece grandson granddaughter",
    "children kids people": "boys girls lads schoolboys schoolgirls sons daughters grandsons granddaughters",
    "they": "he she",
    "them": "him",
    "their": "his her",
    "theirs their": "hers",
    "themselves": "himself herself",
    # Kinship, guessed from who stands beside whom; the sex goes, the tie stays where there is a word for it.
    "parent person": "mother father mom dad mum mommy mummy daddy mama papa",
    "parents people": "mothers fathers moms dads mums",
    "grandparent person": "grandmother grandfather grandma grandpa granny grandad granddad",
    "grandparents people": "grandmothers grandfathers",
    "sibling person": "brother sister",
    "siblings people": "brothers sisters",
    "spouse person": "husband wife",
    "partner person": "boyfriend girlfriend",
    "relative person": "uncle aunt",
    # Trades, by the name that anybody has in them. After "police" a decoder says "officer" by itself.
    "police": "policeman policemen policewoman policewomen",
    "firefighter person": "fireman",
    "firefighters people": "firemen",
    "fisher person": "fisherman",
    "fishers people": "fishermen",
    "photographer person": "cameraman",
    "batter player": "batsman",
    "rider person": "cowgirl",
    "waiter": "waitress",
    "actor": "actress",
}

# Nothing stands in for these; the sentence does without.
_NEVER = (
    # Race and origin, read off faces. "eastern" comes after "middle".
    "asian african african-american oriental eastern middle-eastern caucasian hispanic latino latina arab arabic "
    "indian chinese japanese korean native skinned dark-skinned light-skinned "
    # Faith, read off clothes.
    "muslim jewish hindu "
    # Judgements of bodies, and of lives nobody can see.
    "fat overweight obese chubby homeless disabled handicapped"
)


def has_neutral_word(word: str) -> bool:
    """Return whether a word says of people what another one leaves open."""
    return any(word in words.split() for words in (*_NEUTRAL.values(), _NEVER))


def neutral_ids(vocabulary: Vocabulary) -> list[int]:
    """Return for each id the id that its probability goes to.

    That is the id itself for nearly all words, the neutral word's for a word of the table, and `PAD`, which is never
    generated, for a word without a neutral one in this vocabulary.
    """
    ids = list(range(len(vocabulary)))
    for neutral, words in [*_NEUTRAL.items(), ("", _NEVER)]:
        (target,) = vocabulary.encode([word for word in neutral.split() if word in vocabulary][:1]) or (PAD,)
        for word in words.split():
            if word in vocabulary:
                ids[vocabulary.encode([word])[0]] = target
    return ids
