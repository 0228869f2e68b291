"""The words the painters know: colours, hours, weathers, grounds, things, counts, sizes and places."""

COLOURS: dict[str, str] = {
    # reds and pinks
    "red": "c8332b", "crimson": "a8142f", "scarlet": "d6301f", "ruby": "9b1236", "vermilion": "e0492a",
    "maroon": "6b1a24", "burgundy": "6a1832", "wine": "5f1830", "cherry": "b51a33", "rose": "d9708a", "pink": "ec9bb2",
    "magenta": "c0318c", "fuchsia": "cc2f8f", "salmon": "f08d76", "coral": "f2705a", "blush": "eeb8b0",
    # oranges and browns
    "orange": "ea7a22", "tangerine": "f08a24", "apricot": "f4b07a", "peach": "f8bf97", "amber": "f0a020",
    "rust": "a8481e", "terracotta": "b9583a", "copper": "b5683a", "bronze": "8f6a38", "brown": "6e4527",
    "chestnut": "713a22", "chocolate": "4a2a1a", "coffee": "5a4032", "caramel": "b8742f", "cinnamon": "a2592e",
    "sienna": "9a4f2b", "umber": "5b4330", "mahogany": "5c2418", "tan": "c9a272", "walnut": "5b3d28", "oak": "a67c4a",
    # yellows and creams
    "yellow": "f4cf3a", "gold": "d9a62e", "golden": "dba53a", "honey": "e2a22f", "mustard": "c99a26", "ochre": "c08a32",
    "saffron": "f0b020", "lemon": "f5e35a", "straw": "e0cb7c", "brass": "bf9a44", "cream": "f4e9cf", "ivory": "f5efdd",
    "beige": "dccbac", "champagne": "eed9b2", "linen": "ece2d0", "vanilla": "f5e8c0", "parchment": "eadbb5",
    # greens
    "green": "3f8f4a", "emerald": "13895c", "jade": "2f9a76", "olive": "75762f", "lime": "a2cc3a", "moss": "65743a",
    "sage": "9db08c", "mint": "a5dcc0", "fern": "4f8a48", "pine": "1f4f3c", "chartreuse": "b8d335",
    "malachite": "1a8a5a", "viridian": "3c806c", "pistachio": "afc98a", "celadon": "a9ccb0", "khaki": "a59a68",
    # blues and teals
    "blue": "2f66b8", "navy": "16264f", "azure": "3f9be0", "cobalt": "1f4fae", "ultramarine": "2a2f9a",
    "cerulean": "2f88bd", "sapphire": "18459c", "indigo": "33306f", "turquoise": "35b8b0", "teal": "12807f",
    "cyan": "2fbfd0", "aqua": "58cbc8", "petrol": "12505f", "cornflower": "6a8fe0", "denim": "3a5a86",
    "periwinkle": "8f95dc", "ice": "d4ebf4", "aquamarine": "78d4bd", "prussian": "12344f", "midnight": "12193c",
    # violets
    "purple": "6e3a94", "violet": "7846b4", "lavender": "b3a2d8", "lilac": "c0a3d0", "plum": "6a2f5c",
    "mauve": "a97f9e", "amethyst": "8a56b5", "aubergine": "3c1d3d", "orchid": "b86cc0",
    # neutrals, metals and stones
    "black": "17171b", "white": "f4f2ee", "grey": "84868a", "gray": "84868a", "silver": "bdc3ca", "steel": "8d9aa6",
    "iron": "55585d", "pewter": "8a8d90", "chrome": "c3ccd4", "platinum": "dcdde0", "charcoal": "33353a",
    "graphite": "44474c", "slate": "5a6570", "ash": "b0aca6", "smoke": "9a9ca0", "onyx": "15161a", "obsidian": "14151c",
    "ebony": "2a211c", "pearl": "ece7df", "porcelain": "f0f0ec", "alabaster": "efe9df", "bone": "e5dcc5",
    "lead": "5f646b", "concrete": "9b9a94", "glass": "bcd9dc", "marble": "e4e1dc", "clay": "b07a5a", "lavenderblush": "fdeef3",
}  # fmt: skip

METALS = frozenset(
    {"steel", "silver", "chrome", "iron", "copper", "brass", "bronze", "gold", "golden", "platinum", "pewter", "metal"}
)

HOURS: dict[str, str] = {
    "dawn": "dawn", "daybreak": "dawn", "sunrise": "dawn", "morning": "morning", "noon": "noon", "midday": "noon",
    "daylight": "noon", "day": "noon", "afternoon": "noon", "golden hour": "golden", "sunset": "dusk", "evening": "golden",
    "dusk": "dusk", "twilight": "dusk", "nightfall": "dusk", "blue hour": "blue", "night": "night", "midnight": "night",
    "moonlit": "moonlit", "moonlight": "moonlit", "starry": "night", "nocturne": "night", "sunny": "morning",
}  # fmt: skip

WEATHERS: dict[str, str] = {
    "fog": "fog", "foggy": "fog", "mist": "fog", "misty": "fog", "haze": "fog", "hazy": "fog", "smoky": "fog",
    "rain": "rain", "rainy": "rain", "drizzle": "rain", "downpour": "rain", "snowfall": "snow", "snowing": "snow",
    "snowy": "flurry", "blizzard": "snow", "winter": "flurry", "wintry": "flurry", "storm": "storm", "stormy": "storm", "thunder": "storm",
    "lightning": "storm", "tempest": "storm", "cloudy": "cloud", "clouds": "cloud", "cloud": "cloud", "overcast": "cloud",
    "clear": "clear", "cloudless": "clear",
}  # fmt: skip

GROUNDS: dict[str, str] = {
    "basalt": "basalt", "lava": "basalt", "rock": "basalt", "rocks": "basalt", "stone": "stone", "stones": "stone",
    "cliff": "basalt", "granite": "stone", "marble": "stone", "concrete": "stone", "sand": "sand", "beach": "sand",
    "desert": "sand", "dunes": "sand", "dune": "sand", "sea": "water", "ocean": "water", "water": "water", "lake": "water",
    "river": "water", "pond": "water", "harbour": "water", "harbor": "water", "bay": "water", "waves": "water",
    "puddle": "water", "snow": "snow", "ice": "snow", "glacier": "snow", "grass": "grass", "meadow": "grass",
    "field": "grass", "lawn": "grass", "garden": "grass", "moss": "grass", "valley": "grass", "park": "grass",
    "table": "table", "tabletop": "table", "desk": "table", "shelf": "table", "floor": "table", "wood": "table",
    "counter": "table", "street": "stone", "road": "stone", "pavement": "stone",
}  # fmt: skip

BACKDROPS: dict[str, str] = {
    "mountain": "mountain", "peak": "mountain", "alps": "mountain", "volcano": "volcano", "hill": "hills",
    "forest": "forest", "woods": "forest", "jungle": "forest", "city": "city", "skyline": "city", "town": "city",
    "skyscraper": "city", "metropolis": "city", "sun": "sun", "moon": "moon", "star": "stars", "galaxy": "stars",
    "sky": "sky", "background": "sky", "backdrop": "sky", "light": "light", "glow": "light", "crescent": "crescent",
    "milky": "stars", "aurora": "sky", "horizon": "sky", "wall": "wall", "studio": "wall", "room": "wall",
    "kitchen": "wall", "interior": "wall", "island": "hills", "landscape": "hills",
}  # fmt: skip

THINGS: dict[str, str] = {
    "kettle": "kettle", "teapot": "teapot", "coffeepot": "teapot", "jug": "vase", "pitcher": "vase", "vase": "vase",
    "urn": "vase", "pot": "vase", "bottle": "bottle", "flask": "bottle", "perfume": "bottle", "wine": "bottle",
    "cup": "cup", "mug": "cup", "teacup": "cup", "coffee": "cup", "tea": "cup", "bowl": "bowl", "tree": "tree",
    "oak": "tree", "willow": "tree", "maple": "tree", "cherry": "tree", "pine": "pine", "fir": "pine", "spruce": "pine",
    "cypress": "pine", "house": "house", "cottage": "house", "cabin": "house", "hut": "house", "barn": "house",
    "home": "house", "church": "church", "chapel": "church", "temple": "temple", "pagoda": "temple", "tower": "tower",
    "castle": "castle", "fortress": "castle", "palace": "castle", "lighthouse": "lighthouse", "windmill": "windmill",
    "boat": "boat", "sailboat": "boat", "sailing": "boat", "yacht": "boat", "dinghy": "boat", "ship": "ship",
    "galleon": "ship", "bird": "bird", "swallow": "bird", "gull": "bird", "seagull": "bird", "crow": "bird",
    "raven": "bird", "eagle": "bird", "dove": "bird", "crane": "heron", "heron": "heron", "stork": "heron", "fish": "fish",
    "koi": "fish", "carp": "fish", "salmon": "fish", "whale": "whale", "flower": "flower", "rose": "flower",
    "poppy": "flower", "daisy": "flower", "sunflower": "flower", "lotus": "lotus", "lily": "lotus", "tulip": "tulip",
    "person": "person", "man": "person", "woman": "woman", "girl": "woman", "boy": "person", "figure": "person",
    "child": "person", "traveller": "person", "traveler": "person", "wanderer": "person", "monk": "woman",
    "queen": "woman", "samurai": "person", "astronaut": "person", "dancer": "woman", "portrait": "portrait",
    "face": "portrait", "head": "portrait", "cat": "cat", "kitten": "cat", "dog": "dog", "puppy": "dog", "wolf": "dog",
    "fox": "fox", "car": "car", "automobile": "car", "taxi": "car", "lantern": "lantern", "lamp": "lamp",
    "candle": "candle", "kite": "kite", "chair": "chair", "armchair": "chair", "stool": "chair", "book": "book",
    "apple": "apple", "fruit": "apple", "pear": "pear", "orange": "apple", "lemon": "pear", "peach": "apple",
    "mushroom": "mushroom", "toadstool": "mushroom", "balloon": "balloon", "rocket": "rocket", "umbrella": "umbrella",
    "parasol": "umbrella", "cactus": "cactus", "butterfly": "butterfly", "moth": "butterfly", "tent": "tent",
    "pyramid": "pyramid", "guitar": "guitar", "violin": "guitar", "heart": "heart", "key": "key", "crown": "crown",
    "bridge": "bridge", "robot": "robot", "owl": "owl", "horse": "horse",
}  # fmt: skip

COUNTS: dict[str, int] = {
    "two": 2, "pair": 2, "couple": 2, "twin": 2, "three": 3, "trio": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "several": 5, "many": 9, "row": 5, "line": 5, "group": 4, "flock": 9, "few": 3, "some": 4,
    "cluster": 5, "fleet": 5, "dozen": 12, "crowd": 12, "ten": 10, "both": 2,
}  # fmt: skip

SIZES: dict[str, float] = {
    "tiny": 0.34, "miniature": 0.34, "small": 0.56, "little": 0.6, "distant": 0.4, "far": 0.42, "large": 1.3, "big": 1.3,
    "tall": 1.25, "huge": 1.55, "giant": 1.6, "gigantic": 1.7, "enormous": 1.7, "massive": 1.55, "towering": 1.55,
    "lone": 0.8, "lonely": 0.7,
}  # fmt: skip

PLACES: dict[str, str] = {
    "left": "left", "right": "right", "above": "above", "over": "over", "below": "below", "beneath": "below",
    "under": "below", "centre": "centre", "center": "centre", "centred": "centre", "centered": "centre",
    "middle": "centre", "behind": "behind", "foreground": "front", "front": "front", "top": "above", "bottom": "below",
    "flying": "above", "floating": "above", "hovering": "above", "beside": "beside",
}  # fmt: skip

FRAMES: dict[str, str] = {
    "close-up": "close", "closeup": "close", "close up": "close", "macro": "close", "detail": "close", "wide": "wide",
    "panorama": "wide", "panoramic": "wide", "vast": "wide", "low horizon": "low", "high horizon": "high",
    "minimal": "wide", "minimalist": "wide", "aerial": "high",
}  # fmt: skip

DEFAULT_COLOURS: dict[str, str] = {
    "tree": "4f7d3c", "pine": "2f5f48", "apple": "c22f2b", "pear": "c9b23a", "flower": "d8484f", "tulip": "d6453f",
    "lotus": "eaa0b8", "lantern": "c8452e", "lamp": "e2b25a", "boat": "e9e2d0", "ship": "8a5a38", "house": "d9c8a8",
    "church": "dcd6c8", "temple": "a8402c", "castle": "9a948a", "tower": "b9a78a", "lighthouse": "efe8da",
    "windmill": "d8cdb8", "bird": "2d3844", "heron": "dfe3e4", "fish": "e0662e", "whale": "3c566e", "person": "3a4658",
    "woman": "9a3444", "portrait": "c98f6c", "cat": "3b3a40", "dog": "9b6a3c", "fox": "cf6426", "car": "b5332c",
    "candle": "efe3c6", "kite": "d8402f", "chair": "a05f34", "book": "7d3440", "mushroom": "c4402f", "balloon": "d9573c",
    "rocket": "e6e4de", "umbrella": "b83246", "cactus": "4f8a54", "butterfly": "de8a2a", "tent": "d99a3c",
    "pyramid": "d6ae68", "guitar": "b06a30", "heart": "c6303c", "key": "c79a3c", "crown": "dba83a", "bridge": "a6432e",
    "robot": "9aa8b0", "owl": "8a6a4a", "horse": "6e4630", "kettle": "8d9aa6", "teapot": "4f7f86", "vase": "3f7388",
    "bottle": "3d7a62", "cup": "e8dfcd", "bowl": "4a6a86",
}  # fmt: skip

TRIM_COLOURS: dict[str, str] = {
    "house": "8a4434", "church": "5a4a48", "temple": "3c4a52", "castle": "7a3f3a", "lighthouse": "c23f34", "windmill": "7a4632",
    "portrait": "36506e", "horse": "35231a", "dog": "5a3a22", "cat": "d99a98", "flower": "e8b33c", "boat": "b8402f",
    "owl": "d99a3a", "heron": "6b7f90", "fish": "f2a24a", "rocket": "cf3f34", "balloon": "f0c060", "lotus": "f3c64a",
    "crown": "a02c48", "bird": "5d6b78", "key": "8a6a24",
}  # fmt: skip

AFLOAT = frozenset({"bird", "kite", "balloon", "butterfly", "star", "fish", "whale", "heart", "rocket"})
"""Things that are drawn without ground under them unless the prompt puts them somewhere."""

STOP = frozenset({"a", "an", "the", "of", "with", "at", "in", "by", "to", "is", "very", "its"})
