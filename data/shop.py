"""The invented shop: what it sells, who buys there, and where they live.

Nobody and nothing in here is real. E-mail domains are reserved for examples, US phone numbers end in
the reserved 555-01xx range, the others lie in ranges kept for fiction or in no range at all.
"""

from typing import NamedTuple


class Item(NamedTuple):
    """One line of the catalogue."""

    name: str
    subcategory: str
    brand: str
    price: str
    weight_kg: str
    dimensions_cm: str
    color: str
    material: str
    category: str


class Place(NamedTuple):
    """A town with what fits it: `#` in `phone` stands for any digit, `{}` in a street for a house number."""

    city: str
    state: str
    zip_codes: tuple[str, ...]
    phone: str
    country: str = "United States"


CATALOGUE_TEXT = """
# Electronics
Wireless Noise-Cancelling Headphones; Audio; Kestrel; 149.99; 0.27; 20x17x8; black; plastic
True Wireless Earbuds Air 2; Audio; Kestrel; 79.99; 0.06; 7x5x3; white; plastic
Portable Bluetooth Speaker Mini; Audio; Kestrel; 49.95; 0.54; 18x7x7; teal; fabric
Soundbar 2.1 with Subwoofer; Audio; Hallmore; 219.00; 6.8; 92x30x24; black; MDF
Mechanical Keyboard TKL; Computers; Nordvolt; 89.99; 0.92; 36x14x4; grey; aluminium
Ergonomic Vertical Mouse; Computers; Nordvolt; 34.99; 0.13; 12x8x8; black; plastic
USB-C Docking Station 11-in-1; Computers; Lumivex; 119.99; 0.31; 13x8x2; silver; aluminium
1 TB Portable SSD; Storage; Lumivex; 94.50; 0.05; 10x6x1; blue; aluminium
128 GB microSD Card; Storage; Lumivex; 17.99; 0.01; 2x2x1; red; plastic
4K Webcam with Privacy Cover; Computers; Pixelry; 99.00; 0.16; 10x6x5; black; plastic
Smartwatch Trail Edition; Wearables; Tallgrass; 249.99; 0.05; 5x5x2; olive; titanium
Fitness Band 5; Wearables; Tallgrass; 44.99; 0.03; 24x2x1; black; silicone
10 000 mAh Power Bank; Power; Voltari; 29.99; 0.21; 14x7x2; white; plastic
65 W GaN Wall Charger; Power; Voltari; 39.99; 0.12; 6x6x3; white; polycarbonate
Braided USB-C Cable 2 m; Power; Voltari; 11.99; 0.06; 12x9x2; grey; nylon
Smart LED Bulb E27, 4-Pack; Smart Home; Brightwell; 36.49; 0.28; 14x14x12; white; plastic
# Home & Kitchen
Cast Iron Skillet 26 cm; Cookware; Ironbarrow; 39.95; 2.6; 41x27x6; black; cast iron
Enamelled Dutch Oven 5 l; Cookware; Ironbarrow; 129.00; 5.4; 33x27x18; cherry; enamelled iron
Chef's Knife 20 cm; Cutlery; Sakai & Sons; 74.90; 0.24; 34x5x3; silver; steel
Bamboo Cutting Board Set; Cutlery; Greenfern; 27.99; 1.7; 38x28x4; natural; bamboo
Pour-Over Coffee Set; Coffee & Tea; Morrow; 42.00; 0.85; 16x16x22; clear; glass
Burr Coffee Grinder; Coffee & Tea; Morrow; 98.99; 2.1; 18x14x34; black; steel
French Press 1 l; Coffee & Tea; Morrow; 31.99; 0.72; 17x11x24; copper; glass
Electric Gooseneck Kettle; Appliances; Hallmore; 69.99; 1.2; 29x17x20; black; steel
Hand Blender 800 W; Appliances; Hallmore; 45.99; 0.98; 40x7x7; white; steel
Linen Duvet Cover Queen; Bedding; Loomhaus; 139.00; 1.9; 38x30x9; sand; linen
Cotton Percale Sheet Set; Bedding; Loomhaus; 84.95; 1.6; 36x28x8; white; cotton
Memory Foam Pillow; Bedding; Loomhaus; 37.49; 1.1; 60x40x13; white; foam
Scented Soy Candle Fig & Cedar; Decor; Greenfern; 18.50; 0.45; 9x9x10; cream; soy wax
Ceramic Plant Pot 18 cm; Decor; Greenfern; 22.99; 1.3; 18x18x17; terracotta; ceramic
Glass Food Containers, Set of 8; Storage; Brightwell; 33.99; 3.2; 34x26x18; clear; glass
Wall Clock Meridian; Decor; Hallmore; 54.00; 0.9; 30x30x5; walnut; wood
# Clothing
Merino Crew Sweater; Knitwear; Fjellby; 89.00; 0.38; 34x26x5; navy; merino wool
Organic Cotton T-Shirt; Tops; Plainthread; 19.99; 0.17; 30x24x2; white; cotton
Oxford Button-Down Shirt; Tops; Plainthread; 49.99; 0.29; 34x25x3; light blue; cotton
Slim Straight Jeans; Bottoms; Calder Denim; 69.95; 0.64; 36x28x5; indigo; denim
Stretch Chino Trousers; Bottoms; Calder Denim; 59.00; 0.48; 36x28x4; khaki; cotton
Packable Down Jacket; Outerwear; Fjellby; 159.99; 0.41; 32x24x10; forest; nylon
Waterproof Rain Shell; Outerwear; Fjellby; 124.50; 0.44; 32x24x7; yellow; polyester
Fleece Zip Hoodie; Knitwear; Tallgrass; 54.99; 0.52; 34x28x8; charcoal; fleece
Wool Hiking Socks, 3 Pairs; Socks; Fjellby; 24.99; 0.21; 22x14x5; grey; merino wool
Leather Belt 35 mm; Accessories; Calder Denim; 38.00; 0.23; 14x14x5; brown; leather
Canvas Sneaker Low; Shoes; Marlowe; 64.99; 0.88; 33x21x12; off-white; canvas
Chelsea Boot; Shoes; Marlowe; 144.00; 1.35; 34x24x13; tan; leather
Linen Summer Dress; Dresses; Plainthread; 79.99; 0.31; 36x28x3; sage; linen
Pleated Midi Skirt; Bottoms; Plainthread; 46.50; 0.35; 34x26x3; plum; polyester
Silk Scarf Harbour; Accessories; Loomhaus; 42.99; 0.07; 20x20x2; multicolor; silk
Ribbed Beanie; Accessories; Fjellby; 21.99; 0.09; 24x20x3; mustard; acrylic
# Sports & Outdoors
Yoga Mat 6 mm; Fitness; Suryaline; 32.99; 1.2; 66x12x12; violet; TPE
Adjustable Dumbbell 24 kg; Fitness; Ironbarrow; 189.00; 24.5; 43x20x23; black; steel
Resistance Band Set; Fitness; Suryaline; 22.49; 0.42; 22x16x6; multicolor; latex
Foam Roller 45 cm; Fitness; Suryaline; 25.99; 0.61; 45x15x15; orange; EVA foam
Two-Person Trekking Tent; Camping; Tallgrass; 229.99; 2.3; 48x16x16; green; nylon
Down Sleeping Bag -5 C; Camping; Tallgrass; 179.00; 1.15; 40x22x22; red; nylon
Compact Gas Stove; Camping; Emberly; 37.99; 0.19; 11x9x9; silver; steel
Titanium Camp Mug 450 ml; Camping; Emberly; 28.95; 0.08; 10x10x9; grey; titanium
Insulated Bottle 750 ml; Hydration; Emberly; 29.99; 0.39; 27x8x8; ocean; steel
Trekking Poles, Pair; Hiking; Fjellby; 74.99; 0.49; 65x10x8; black; carbon
30 l Daypack Ridge; Hiking; Fjellby; 94.00; 0.87; 52x30x14; rust; recycled nylon
Bike Helmet Urban; Cycling; Veloria; 59.99; 0.36; 29x22x18; matte white; polycarbonate
Rechargeable Bike Light Set; Cycling; Veloria; 34.50; 0.15; 12x9x6; black; aluminium
Track Pump with Gauge; Cycling; Veloria; 41.99; 1.4; 66x22x12; black; steel
Swim Goggles Pro; Swimming; Aquamont; 19.49; 0.07; 18x7x5; smoke; silicone
Running Belt; Running; Suryaline; 16.99; 0.08; 22x9x2; black; elastane
# Books
The Salt Cartographer; Fiction; Lanternfish Press; 16.99; 0.41; 21x14x3; multicolor; paper
A Winter of Small Repairs; Fiction; Lanternfish Press; 14.95; 0.36; 20x13x3; multicolor; paper
The Clockmaker's Apprentice; Fiction; Ostrich & Key; 17.50; 0.45; 21x14x3; multicolor; paper
Murder at Pelham Sidings; Crime; Ostrich & Key; 12.99; 0.31; 20x13x2; multicolor; paper
Nine Bridges North; Crime; Lanternfish Press; 13.49; 0.33; 20x13x2; multicolor; paper
Orbital Gardens; Science Fiction; Farlight; 15.99; 0.38; 21x14x3; multicolor; paper
The Last Lighthouse on Mars; Science Fiction; Farlight; 16.49; 0.42; 21x14x3; multicolor; paper
Bread, Slowly; Cooking; Hearth House; 34.00; 1.25; 26x21x3; multicolor; paper
One Pot, Many Evenings; Cooking; Hearth House; 29.99; 1.1; 26x20x3; multicolor; paper
Statistics Without Tears; Science; Meridian Academic; 42.00; 0.78; 24x17x3; blue; paper
A Field Guide to City Birds; Nature; Hearth House; 24.95; 0.52; 22x14x2; green; paper
Sketching in an Hour; Arts; Hearth House; 21.99; 0.6; 25x20x2; multicolor; paper
Practical Data Engineering; Computing; Meridian Academic; 54.99; 0.95; 24x19x3; white; paper
The Owl Who Counted Stars; Children; Farlight; 11.99; 0.34; 25x25x1; multicolor; paper
My First Book of Rivers; Children; Farlight; 13.99; 0.47; 28x24x1; multicolor; cardboard
Pocket Atlas of Islands; Travel; Ostrich & Key; 19.95; 0.29; 18x12x2; blue; paper
# Beauty & Care
Hydrating Face Cream 50 ml; Skin Care; Alderbloom; 28.50; 0.14; 7x7x6; white; glass
Vitamin C Serum 30 ml; Skin Care; Alderbloom; 34.99; 0.11; 4x4x11; amber; glass
Mineral Sunscreen SPF 50; Skin Care; Alderbloom; 22.00; 0.12; 5x4x16; white; plastic
Gentle Cleansing Bar; Skin Care; Soapstone; 8.99; 0.11; 8x6x3; oat; soap
Clay Face Mask; Skin Care; Soapstone; 17.95; 0.19; 8x8x6; green; glass
Argan Oil Shampoo 400 ml; Hair Care; Verdance; 14.49; 0.45; 7x5x20; amber; plastic
Repair Conditioner 400 ml; Hair Care; Verdance; 15.49; 0.46; 7x5x20; amber; plastic
Ionic Hair Dryer 1800 W; Hair Care; Hallmore; 79.99; 0.68; 27x22x9; rose; plastic
Boar Bristle Brush; Hair Care; Verdance; 23.99; 0.13; 23x7x4; walnut; wood
Sonic Electric Toothbrush; Oral Care; Brightwell; 64.99; 0.18; 25x6x5; mint; plastic
Bamboo Toothbrush, 4-Pack; Oral Care; Greenfern; 9.99; 0.06; 20x9x2; natural; bamboo
Safety Razor Classic; Shaving; Marlowe; 39.00; 0.16; 12x6x4; chrome; brass
Shaving Cream Sandalwood; Shaving; Marlowe; 12.95; 0.2; 9x9x5; white; aluminium
Eau de Parfum Nocturne 50 ml; Fragrance; Alderbloom; 88.00; 0.28; 8x5x12; violet; glass
Beard Oil Cedar; Shaving; Marlowe; 18.99; 0.08; 4x4x10; amber; glass
Bath Salts Lavender 1 kg; Bath; Soapstone; 16.49; 1.05; 13x9x18; lilac; salt
# Toys & Games
Harvest Moon Board Game; Board Games; Tin Dragon; 44.99; 1.6; 30x30x7; multicolor; cardboard
Word Sprint Card Game; Board Games; Tin Dragon; 14.99; 0.24; 13x10x4; multicolor; cardboard
Castle Siege Strategy Game; Board Games; Tin Dragon; 59.95; 2.2; 30x30x9; multicolor; cardboard
1000-Piece Puzzle Alpine Lake; Puzzles; Mosaica; 18.99; 0.75; 27x19x6; multicolor; cardboard
Wooden Train Set 52 Pieces; Wooden Toys; Little Larch; 49.99; 2.4; 44x31x12; multicolor; beech
Stacking Rainbow; Wooden Toys; Little Larch; 32.50; 0.9; 36x18x7; multicolor; lime wood
Balance Bike 12; Outdoor Toys; Veloria; 89.00; 3.9; 82x36x54; blue; steel
Magnetic Tiles 60 Pieces; Construction; Mosaica; 54.99; 1.8; 32x26x8; multicolor; ABS
Robot Coding Kit; Science Kits; Pixelry; 74.99; 0.82; 28x22x9; white; ABS
Crystal Growing Lab; Science Kits; Pixelry; 21.99; 0.95; 26x20x7; purple; minerals
Plush Otter 30 cm; Plush; Little Larch; 19.99; 0.28; 30x16x14; brown; polyester
Doll House Willow Lane; Dolls; Little Larch; 119.00; 7.4; 62x40x18; pastel; plywood
Washable Finger Paints, 8 Colors; Crafts; Mosaica; 13.49; 0.88; 24x16x8; multicolor; plastic
Kite Red Heron; Outdoor Toys; Aquamont; 26.95; 0.31; 72x10x6; red; ripstop
Remote Control Crawler 1:16; Vehicles; Pixelry; 64.50; 1.3; 32x22x18; orange; plastic
Marble Run 120 Pieces; Construction; Mosaica; 38.99; 1.5; 36x28x9; multicolor; ABS
# Garden & Office
Bypass Pruning Shears; Garden Tools; Oakhand; 27.99; 0.26; 22x6x3; red; steel
Stainless Garden Trowel; Garden Tools; Oakhand; 16.50; 0.29; 33x8x5; silver; steel
Expandable Hose 15 m; Watering; Oakhand; 34.99; 1.1; 26x22x9; green; latex
Raised Bed Kit 120 cm; Planting; Oakhand; 98.00; 12.5; 122x32x14; natural; cedar
Heirloom Tomato Seeds; Planting; Greenfern; 4.49; 0.01; 12x8x1; multicolor; seeds
Solar Path Lights, 6-Pack; Lighting; Brightwell; 45.99; 1.3; 38x26x12; black; steel
Bird Feeder Cedar House; Wildlife; Oakhand; 31.95; 1.25; 28x22x24; natural; cedar
Adjustable Desk Lamp; Lighting; Hallmore; 58.99; 1.6; 42x18x12; white; aluminium
Sit-Stand Desk 140 cm; Furniture; Kontora; 389.00; 34.0; 146x78x22; oak; laminate
Mesh Office Chair; Furniture; Kontora; 219.99; 14.8; 68x62x34; grey; mesh
Monitor Arm Single; Furniture; Kontora; 69.00; 2.7; 44x20x12; black; aluminium
Dotted Notebook A5; Stationery; Inkwell Lane; 12.49; 0.31; 21x15x2; slate; paper
Fountain Pen Fine; Stationery; Inkwell Lane; 39.99; 0.04; 15x3x3; burgundy; resin
Gel Pens 0.5 mm, 12-Pack; Stationery; Inkwell Lane; 15.99; 0.16; 16x12x2; multicolor; plastic
Felt Desk Pad 90 x 40; Accessories; Kontora; 24.99; 0.55; 42x10x10; anthracite; felt
Label Maker Compact; Accessories; Inkwell Lane; 46.95; 0.42; 20x12x7; white; plastic
"""

NEW_TEXT = """
# Electronics
E-Ink Reader 7; Tablets; Lumivex; 179.99; 0.19; 17x13x1; black; plastic
# Home & Kitchen
Sourdough Starter Kit; Baking; Morrow; 36.99; 1.4; 26x20x16; clear; glass
# Sports & Outdoors
Microspikes Trail; Hiking; Tallgrass; 52.99; 0.43; 18x12x8; black; steel
# Books
The Quiet Harbour; Fiction; Lanternfish Press; 15.49; 0.37; 20x13x3; multicolor; paper
# Toys & Games
Space Elevator Construction Set; Construction; Mosaica; 67.95; 1.9; 38x28x10; multicolor; ABS
# Garden & Office
Seed Starter Tray with Lid; Planting; Greenfern; 19.49; 0.72; 38x24x13; green; recycled plastic
"""

DESCRIPTIONS = {
    "Electronics": ("{Color} {material} body. Two-year warranty.", "With cable and quick start card."),
    "Home & Kitchen": ("Made of {material}, for daily use.", "A kitchen classic in {color}."),
    "Clothing": ("Cut from soft {material}, in {color}.", "Fits true to size. Wash at 30 degrees."),
    "Sports & Outdoors": ("Light, tough {material} for long days outside.", "Tested in bad weather."),
    "Books": ("Printed on uncoated paper, with a ribbon.", "Illustrated throughout."),
    "Beauty & Care": ("Tested, free of parabens.", "Refill available; packed in {material}."),
    "Toys & Games": ("For ages 3 and up.", "Made of {material}, rounded edges."),
    "Garden & Office": ("{Color} {material}, built to last.", "Ships flat, assembled in ten minutes."),
}  # fmt: skip

WAREHOUSES = {"Newark NJ": "WH-EWR", "Columbus OH": "WH-CMH", "Dallas TX": "WH-DFW", "Reno NV": "WH-RNO"}

US_PLACES = (
    Place("Austin", "TX", ("78701", "78704", "78745"), "(512) 555-01##"),
    Place("Portland", "OR", ("97202", "97214"), "503-555-01##"),
    Place("Chicago", "IL", ("60614", "60657"), "(773) 555-01##"),
    Place("Seattle", "WA", ("98103", "98115"), "206-555-01##"),
    Place("Denver", "CO", ("80205", "80211"), "303-555-01##"),
    Place("Boston", "MA", ("02118", "02130"), "(617) 555-01##"),
    Place("Brooklyn", "NY", ("11215", "11238"), "718-555-01##"),
    Place("Philadelphia", "PA", ("19103", "19147"), "(215) 555-01##"),
    Place("Atlanta", "GA", ("30307", "30312"), "404-555-01##"),
    Place("Nashville", "TN", ("37206", "37212"), "615-555-01##"),
    Place("Minneapolis", "MN", ("55407", "55414"), "(612) 555-01##"),
    Place("Madison", "WI", ("53703", "53711"), "608-555-01##"),
    Place("Phoenix", "AZ", ("85016", "85032"), "602-555-01##"),
    Place("San Diego", "CA", ("92103", "92116"), "(619) 555-01##"),
    Place("Oakland", "CA", ("94609", "94611"), "510-555-01##"),
    Place("Raleigh", "NC", ("27603", "27609"), "919-555-01##"),
    Place("Tampa", "FL", ("33606", "33629"), "813-555-01##"),
    Place("Cleveland", "OH", ("44102", "44113"), "216-555-01##"),
    Place("Kansas City", "MO", ("64111", "64113"), "(816) 555-01##"),
    Place("Salt Lake City", "UT", ("84103", "84105"), "801-555-01##"),
    Place("Ann Arbor", "MI", ("48103", "48104"), "734-555-01##"),
    Place("Burlington", "VT", ("05401", "05408"), "802-555-01##"),
    Place("Albuquerque", "NM", ("87106", "87110"), "505-555-01##"),
    Place("Boise", "ID", ("83702", "83706"), "208-555-01##"),
    Place("Honolulu", "HI", ("96814", "96816"), "(808) 555-01##"),
    Place("Richmond", "VA", ("23220", "23221"), "804-555-01##"),
    Place("Pittsburgh", "PA", ("15206", "15217"), "412-555-01##"),
    Place("New Orleans", "LA", ("70115", "70118"), "504-555-01##"),
)

WORLD_PLACES = (
    Place("Toronto", "ON", ("M4C 1B5", "M6G 1A5"), "(416) 555-01##", "Canada"),
    Place("Vancouver", "BC", ("V5K 0A1", "V6B 1A1"), "604-555-01##", "Canada"),
    Place("Montréal", "QC", ("H2X 1Y4", "H2J 2L1"), "514-555-01##", "Canada"),
    Place("London", "England", ("N1 9GU", "SE15 4QL"), "+44 20 7946 0###", "United Kingdom"),
    Place("Manchester", "England", ("M1 1AE", "M4 5JD"), "+44 161 496 0###", "United Kingdom"),
    Place("Berlin", "Berlin", ("10115", "10437"), "+49 30 23125 ###", "Germany"),
    Place("München", "Bayern", ("80331", "80799"), "+49 89 99998 ###", "Germany"),
    Place("Paris", "Île-de-France", ("75011", "75018"), "+33 1 99 00 ## ##", "France"),
    Place("Lyon", "Auvergne-Rhône-Alpes", ("69002", "69007"), "+33 4 65 71 ## ##", "France"),
    Place("Madrid", "Madrid", ("28004", "28012"), "+34 555 550 1##", "Spain"),
    Place("Stockholm", "Stockholm", ("113 30", "118 26"), "+46 8 465 004 ##", "Sweden"),
    Place("Amsterdam", "Noord-Holland", ("1012 LG", "1071 DJ"), "+31 20 000 01##", "Netherlands"),
    Place("Dublin", "Leinster", ("D02 X285", "D08 VF8H"), "+353 20 910 ####", "Ireland"),
    Place("Sydney", "NSW", ("2010", "2042"), "+61 2 5550 ####", "Australia"),
    Place("Melbourne", "VIC", ("3000", "3056"), "+61 3 5550 ####", "Australia"),
    Place("Tokyo", "Tokyo", ("150-0001", "166-0003"), "+81 3 0000 ####", "Japan"),
    Place("São Paulo", "SP", ("01310-100", "05422-030"), "+55 11 0000 01##", "Brazil"),
    Place("Ciudad de México", "CDMX", ("06700", "03100"), "+52 55 0000 01##", "Mexico"),
    Place("Bengaluru", "Karnataka", ("560001", "560034"), "+91 80 0000 01##", "India"),
)

ENGLISH_STREETS = (
    "{} Maple Ave", "{} Oak Street", "{} Cedar Lane", "{} Birch Road", "{} Elm Street", "{} Willow Drive",
    "{} Lakeview Terrace", "{} Hillcrest Ave", "{} Sunset Blvd", "{} Park Place", "{} River Road",
    "{} Washington St", "{} Jefferson Ave", "{} 2nd Ave", "{} Union Street", "{} Prospect Street",
    "{} Highland Ave", "{} Magnolia Court", "{} Juniper Way", "{} Orchard Lane", "{} Church Street",
)  # fmt: skip

STREETS = {
    "Germany": ("Lindenstraße {}", "Gartenweg {}", "Schillerstraße {}", "Bergstraße {}"),
    "France": ("{} rue des Lilas", "{} avenue Victor Hugo", "{} rue du Moulin"),
    "Spain": ("Calle del Olmo {}", "Calle Mayor {}", "Paseo de la Fuente {}"),
    "Sweden": ("Björkgatan {}", "Storgatan {}", "Kungsvägen {}"),
    "Netherlands": ("Tulpenstraat {}", "Kerkstraat {}", "Molenweg {}"),
    "Japan": ("2-{}-8 Sakuradai", "1-{}-3 Midorigaoka"),
    "Brazil": ("Rua das Flores {}", "Avenida Paulista {}"),
    "Mexico": ("Calle Orizaba {}", "Avenida Durango {}"),
    "India": ("{} Residency Road", "{} Church Street"),
}

ENGLISH_FIRST_NAMES = (
    "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Susan "
    "Daniel Karen Carlos Nancy Anthony Lisa Mark Sandra Kevin Ashley Brian Emily Tyrone Donna "
    "Jose Michelle Wei Carol Jamal Amanda Priya Melissa Deborah Luis Stephanie Hannah Rebecca "
    "Ethan Laura Noah Grace Aisha Owen Maya Lucas Chloe"
)

ENGLISH_LAST_NAMES = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez "
    "Lopez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Thompson White Harris Clark "
    "Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores "
    "Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Okafor Chen Patel Kim "
    "Kowalski Rossi Haddad Goldberg Larsen Murphy Fitzgerald McDonald Osei Tanaka"
)

# First names and last names by country; English ones elsewhere.
NAMES = {
    "Germany": ("Anna Lukas Sophie Jonas Greta Felix Jürgen", "Müller Schneider Fischer Weber Köhler Vogel"),
    "France": ("Camille Hugo Léa Antoine Chloé Mathis Élodie", "Dubois Lefèvre Moreau Girard Béranger"),
    "Spain": ("Lucía Pablo Carmen Álvaro Inés Javier", "Fernández Gómez Ruiz Navarro Ibáñez Castillo"),
    "Sweden": ("Astrid Erik Linnéa Oskar Maja Björn", "Lindqvist Öberg Nyström Sandberg Holm"),
    "Netherlands": ("Sanne Daan Femke Bram Lotte", "Jansen Bakker Visser Smit Mulder"),
    "Ireland": ("Aoife Conor Niamh Declan Siobhan", "Kelly Byrne Ryan Doyle Walsh"),
    "Japan": ("Haruto Yui Sota Hina Ren Aoi", "Sato Suzuki Takahashi Ito Yamamoto Nakamura"),
    "Brazil": ("João Mariana Thiago Beatriz Rafael Letícia", "Silva Souza Oliveira Araújo Conceição"),
    "Mexico": ("Diego Valentina Emiliano Ximena Sofía", "Hernández Ramírez Ortega Mendoza Juárez"),
    "India": ("Arjun Ananya Rohan Kavya Vikram Meera", "Sharma Iyer Reddy Nair Banerjee Gupta"),
}  # fmt: skip


def items(text: str) -> list[Item]:
    """The catalogue lines of a text; `# name` begins a category."""
    found, category = [], ""
    for line in filter(None, text.splitlines()):
        if line.startswith("# "):
            category = line.removeprefix("# ")
        else:
            found.append(Item._make([*line.split("; "), category]))
    return found


CATALOGUE = items(CATALOGUE_TEXT)
NEW_ITEMS = items(NEW_TEXT)
