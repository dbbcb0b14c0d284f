"""The 45 cities of DL-SLICER, in the order of its networks' outputs, and what its patches are.

Bissarinova, Tleuken, Alimukhambetova, Varol, Karaca: *DL-SLICER: deep learning for
satellite-based identification of cities with enhanced resemblance*, Buildings 14(2), 2024, 551.
The order is that of the data set's folder names. Codes are spelled as there; TKY is not Tokyo's
IATA code.
"""

PATCH_M = 200.0
PATCH_PX = 480
INPUT_PX = 224

CITIES: tuple[tuple[str, str], ...] = (
    ("ALA", "Almaty"),
    ("ESB", "Ankara"),
    ("ASB", "Ashgabat"),
    ("NQZ", "Astana"),
    ("GYD", "Baku"),
    ("BKK", "Bangkok"),
    ("PEK", "Beijing"),
    ("FRU", "Bishkek"),
    ("BOG", "Bogota"),
    ("BOS", "Boston"),
    ("BNE", "Brisbane"),
    ("AEP", "Buenos Aires"),
    ("CAI", "Cairo"),
    ("CHI", "Chicago"),
    ("DUB", "Dublin"),
    ("HAN", "Hanoi"),
    ("HKG", "Hong Kong"),
    ("IST", "Istanbul"),
    ("CGK", "Jakarta"),
    ("FIH", "Kinshasa"),
    ("KUL", "Kuala Lumpur"),
    ("LOS", "Lagos"),
    ("LHE", "Lahore"),
    ("LIS", "Lisbon"),
    ("MNL", "Manila"),
    ("MEL", "Melbourne"),
    ("MEX", "Mexico City"),
    ("MIL", "Milan"),
    ("BOM", "Mumbai"),
    ("MUC", "Munich"),
    ("NBO", "Nairobi"),
    ("OSL", "Oslo"),
    ("PAR", "Paris"),
    ("RIX", "Riga"),
    ("SFO", "San Francisco"),
    ("GRU", "Sao Paulo"),
    ("ICN", "Seoul"),
    ("CIT", "Shymkent"),
    ("SIN", "Singapore"),
    ("SYD", "Sydney"),
    ("TPE", "Taipei"),
    ("TAS", "Tashkent"),
    ("TKY", "Tokyo"),
    ("YVR", "Vancouver"),
    ("IAD", "Washington"),
)
