"""Names of vertices and of people: short common nouns, none the beginning of another, none in a prompt's own words."""

_LISTED = """
apple arrow badge bell bird boat bone book bottle bridge brush bucket button cake camera candle carpet castle chain
cheese cherry clock cloud coat coffee corn cotton crown curtain desk diamond doctor dolphin door dragon drum duck
eagle engine feather fence field finger fish flag flower forest fork garden gate ghost giraffe glass glove grape
guitar hammer harbor hat honey horse hotel island jacket jewel jungle kettle king kite knife ladder lake lamp leaf
lemon library lion magnet mango market mirror monkey moon motor mountain mouse nail needle nest ocean olive onion
orange oven paint paper parrot pencil pepper piano pillow pilot plate pocket pumpkin queen rabbit radio river
rocket rope saddle salt school shirt silver snake spoon spring stone summer table temple tiger tower train tree
trumpet tunnel turtle valley village violin wagon wheel window winter wizard yacht zebra
"""
WORDS = tuple(_LISTED.split())
