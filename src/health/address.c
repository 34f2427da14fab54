/* Street addresses in the forms of USPS Publication 28, to be compared: directionals (233), suffixes (appendix C1), secondary units
 * (appendix C2), post office boxes (281). */
#include "health/kernels_int.h"

/* A form and what is written for it, blanks between. */
static const char *const SUFFIXES[] = {
    "ALY ALLEY ALLEE ALLY", "ANX ANEX ANNEX ANNX", "ARC ARCADE", "AVE AVENUE AV AVEN AVENU AVN AVNUE", "BYU BAYOU BAYOO", "BCH BEACH",
    "BND BEND", "BLF BLUFF BLUF", "BLFS BLUFFS", "BTM BOTTOM BOT BOTTM", "BLVD BOULEVARD BOUL BOULV", "BR BRANCH BRNCH",
    "BRG BRIDGE BRDGE", "BRK BROOK", "BRKS BROOKS", "BYP BYPASS BYPA BYPAS BYPS", "CP CAMP CMP", "CYN CANYON CANYN CNYN", "CPE CAPE",
    "CSWY CAUSEWAY CAUSWA", "CTR CENTER CEN CENT CENTR CENTRE CNTER CNTR", "CIR CIRCLE CIRC CIRCL CRCL CRCLE", "CIRS CIRCLES",
    "CLF CLIFF", "CLFS CLIFFS", "CLB CLUB", "CMN COMMON", "CMNS COMMONS", "COR CORNER", "CORS CORNERS", "CRSE COURSE", "CT COURT",
    "CTS COURTS", "CV COVE", "CVS COVES", "CRK CREEK", "CRES CRESCENT CRSENT CRSNT", "CRST CREST", "XING CROSSING CRSSNG", "XRD CROSSROAD",
    "CURV CURVE", "DL DALE", "DM DAM", "DV DIVIDE DIV DVD", "DR DRIVE DRIV DRV", "DRS DRIVES", "EST ESTATE", "ESTS ESTATES",
    "EXPY EXPRESSWAY EXP EXPR EXPRESS EXPW", "EXT EXTENSION EXTN EXTNSN", "FLS FALLS", "FRY FERRY FRRY", "FLD FIELD", "FLDS FIELDS",
    "FLT FLAT", "FLTS FLATS", "FRD FORD", "FRST FOREST FORESTS", "FRG FORGE FORG", "FRK FORK", "FRKS FORKS", "FT FORT FRT",
    "FWY FREEWAY FREEWY FRWAY FRWY", "GDN GARDEN GARDN GRDEN GRDN", "GDNS GARDENS GRDNS", "GTWY GATEWAY GATEWY GATWAY GTWAY", "GLN GLEN",
    "GRN GREEN", "GRV GROVE GROV", "HBR HARBOR HARB HARBR HRBOR", "HVN HAVEN", "HTS HEIGHTS HT", "HWY HIGHWAY HIGHWY HIWAY HIWY HWAY",
    "HL HILL", "HLS HILLS", "HOLW HOLLOW HLLW HOLLOWS HOLWS", "INLT INLET", "IS ISLAND ISLND", "ISS ISLANDS ISLNDS", "ISLE ISLES",
    "JCT JUNCTION JCTION JCTN JUNCTN JUNCTON", "KY KEY", "KYS KEYS", "KNL KNOLL KNOL", "KNLS KNOLLS", "LK LAKE", "LKS LAKES",
    "LNDG LANDING LNDNG", "LN LANE", "LGT LIGHT", "LF LOAF", "LCK LOCK", "LDG LODGE LDGE LODG", "LOOP LOOPS", "MALL", "MNR MANOR",
    "MDW MEADOW", "MDWS MEADOWS MEDOWS", "MEWS", "ML MILL", "MLS MILLS", "MSN MISSION MISSN MSSN", "MTWY MOTORWAY", "MT MOUNT MNT",
    "MTN MOUNTAIN MNTAIN MNTN MOUNTIN MTIN", "NCK NECK", "ORCH ORCHARD ORCHRD", "OVAL OVL", "OPAS OVERPASS", "PARK PRK PARKS",
    "PKWY PARKWAY PARKWY PKWAY PKY PARKWAYS PKWYS", "PASS", "PSGE PASSAGE", "PATH PATHS", "PIKE PIKES", "PNE PINE", "PNES PINES", "PL PLACE",
    "PLN PLAIN", "PLNS PLAINS", "PLZ PLAZA PLZA", "PT POINT", "PTS POINTS", "PRT PORT", "PR PRAIRIE PRR", "RADL RADIAL RAD RADIEL",
    "RAMP", "RNCH RANCH RANCHES RNCHS", "RPD RAPID", "RPDS RAPIDS", "RST REST", "RDG RIDGE RDGE", "RDGS RIDGES", "RIV RIVER RVR RIVR",
    "RD ROAD", "RDS ROADS", "RTE ROUTE", "ROW", "RUN", "SHL SHOAL", "SHR SHORE SHOAR", "SHRS SHORES SHOARS", "SKWY SKYWAY",
    "SPG SPRING SPNG SPRNG", "SPGS SPRINGS SPNGS SPRNGS", "SPUR SPURS", "SQ SQUARE SQR SQRE SQU", "SQS SQUARES SQRS", "STA STATION STATN STN",
    "STRA STRAVENUE STRAV STRAVEN STRAVN STRVN STRVNUE", "STRM STREAM STREME", "ST STREET STRT STR", "STS STREETS", "SMT SUMMIT SUMIT SUMITT",
    "TER TERRACE TERR", "TRWY THROUGHWAY", "TRCE TRACE TRACES", "TRAK TRACK TRACKS TRK TRKS", "TRFY TRAFFICWAY", "TRL TRAIL TRAILS TRLS",
    "TUNL TUNNEL TUNEL TUNLS TUNNELS TUNNL", "TPKE TURNPIKE TRNPK TURNPK", "UPAS UNDERPASS", "UN UNION", "VLY VALLEY VALLY VLLY",
    "VLYS VALLEYS", "VIA VIADUCT VDCT VIADCT", "VW VIEW", "VWS VIEWS", "VLG VILLAGE VILL VILLAG VILLG VILLIAGE", "VLGS VILLAGES",
    "VL VILLE", "VIS VISTA VIST VST VSTA", "WALK WALKS", "WALL", "WAY WY", "WAYS", "WL WELL", "WLS WELLS",
};

static const char *const DIRECTIONS[] = { "N NORTH", "S SOUTH", "E EAST", "W WEST", "NE NORTHEAST", "NW NORTHWEST", "SE SOUTHEAST", "SW SOUTHWEST" };

/* UNIT is written out, and a number sign stands for any of them. */
static const char *const UNITS[] = {
    "APT APARTMENT", "BLDG BUILDING", "DEPT DEPARTMENT", "FL FLOOR", "HNGR HANGAR", "KEY", "LOT", "PIER", "RM ROOM", "SLIP", "SPC SPACE",
    "STE SUITE", "STOP", "TRLR TRAILER", "UNIT", "#",
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The form of the list that is written so; the empty text: none. */
static struct str
form_of(const char *const *list, size_t count, struct str word)
{
    for (size_t i = 0; i < count; i++) {
        struct str_split split = str_split_init(str_from(list[i]), ' ');
        struct str       form, part;
        str_split_next(&split, &form);
        if (str_equal(form, word))
            return form;
        while (str_split_next(&split, &part))
            if (str_equal(part, word))
                return form;
    }
    return STR_EMPTY;
}

/* Words of an address. A word more than fits is left out, in both legs alike. */
#define WORD_COUNT_MAX 32
struct address {
    struct str words[WORD_COUNT_MAX];
    size_t     count;
    char       bytes[NAME_KEY_SIZE_MAX];
    size_t     size;
};

/* A number sign is a word of its own; a hyphen or a slash between digits stays (12-34, 1/2); the rest as name_key has it. */
static void
address_add(struct address *address, struct str word)
{
    char   bytes[NAME_KEY_SIZE_MAX];
    size_t size = 0;
    bool   is_number = word.size > 0 && word.size <= sizeof bytes && ascii_is_digit(word.data[0]);
    for (size_t i = 0; is_number && i < word.size; i++)
        is_number = ascii_is_digit(word.data[i]) || ascii_is_letter(word.data[i]) || word.data[i] == '-' || word.data[i] == '/';
    if (is_number || str_equal(word, STR("#")))
        for (size = 0; size < word.size; size++)
            bytes[size] = ascii_to_upper(word.data[size]);
    else
        size = name_words(word, bytes);
    struct str_split split = str_split_init(str_of(bytes, size), ' ');
    struct str       part;
    while (size > 0 && str_split_next(&split, &part)) {
        if (part.size == 0 || address->count == WORD_COUNT_MAX || address->size + part.size > sizeof address->bytes)
            continue;
        memcpy(address->bytes + address->size, part.data, part.size);
        address->words[address->count++] = str_of(address->bytes + address->size, part.size);
        address->size += part.size;
    }
}

static void
address_split(struct address *address, struct str text)
{
    size_t begin = 0;
    address->count = address->size = 0;
    for (size_t i = 0; i <= text.size; i++) {
        char c = i < text.size ? text.data[i] : ' ';
        if (!ascii_is_space(c) && c != ',' && c != ';' && c != '#')
            continue;
        if (i > begin)
            address_add(address, str_slice(text, begin, i));
        if (c == '#')
            address_add(address, STR("#"));
        begin = i + 1;
    }
}

static bool
words_begin(const struct address *address, const char *first, const char *second, const char *third)
{
    const char *wanted[] = { first, second, third };
    for (size_t i = 0; i < 3 && wanted[i] != NULL; i++)
        if (i >= address->count || !str_equal(address->words[i], str_from(wanted[i])))
            return false;
    return true;
}

/* "P O Box 12", "Post Office Box 12", "Box 12" are PO BOX 12. */
static void
normalize_box(struct address *address)
{
    size_t dropped = words_begin(address, "P", "O", "BOX") || words_begin(address, "POST", "OFFICE", "BOX") ? 3
                     : words_begin(address, "PO", "BOX", NULL) || words_begin(address, "POB", "BOX", NULL) ? 2
                     : words_begin(address, "POBOX", NULL, NULL) || words_begin(address, "BOX", NULL, NULL) ? 1
                                                                                                             : 0;
    if (dropped == 0 || address->count + 2 - dropped > WORD_COUNT_MAX)
        return;
    memmove(address->words + 2, address->words + dropped, (address->count - dropped) * sizeof *address->words);
    address->words[0] = STR("PO");
    address->words[1] = STR("BOX");
    address->count += 2 - dropped;
}

/* Where the secondary unit begins, or the count of words. A designator names a unit where a number or a single letter follows and a
 * street stands before it. */
static size_t
find_unit(const struct address *address)
{
    for (size_t i = 2; i + 1 < address->count; i++) {
        struct str value = address->words[i + 1];
        if (form_of(UNITS, COUNT(UNITS), address->words[i]).size > 0 && (value.size == 1 || ascii_is_digit(value.data[0])))
            return i;
    }
    return address->count;
}

/* Of the words of the street the last is a directional or a suffix, the one before it the suffix, the one behind the number a
 * directional; each only where a name is left. So "123 North Main Street East" is 123 N MAIN ST E, "12 North St" keeps NORTH. */
static void
normalize_street(struct address *address, size_t end)
{
    size_t     last   = end;
    size_t     first  = address->count > 0 && ascii_is_digit(address->words[0].data[0]) ? 1 : 0;
    struct str form;
    if (last > first + 2 && (form = form_of(DIRECTIONS, COUNT(DIRECTIONS), address->words[last - 1])).size > 0)
        address->words[--last] = form;
    if (last > first + 1 && (form = form_of(SUFFIXES, COUNT(SUFFIXES), address->words[last - 1])).size > 0)
        address->words[--last] = form;
    if (first == 1 && last > first + 1 && (form = form_of(DIRECTIONS, COUNT(DIRECTIONS), address->words[first])).size > 0)
        address->words[first] = form;
}

static size_t
address_print(struct address *address, char out[2 * NAME_KEY_SIZE_MAX])
{
    size_t size = 0;
    normalize_box(address);
    size_t unit = find_unit(address);
    if (!words_begin(address, "PO", "BOX", NULL))
        normalize_street(address, unit);
    if (unit < address->count)
        address->words[unit] = form_of(UNITS, COUNT(UNITS), address->words[unit]);
    for (size_t i = 0; i < address->count; i++) {
        if (i > 0)
            out[size++] = ' ';
        memcpy(out + size, address->words[i].data, address->words[i].size);
        size += address->words[i].size;
    }
    return size;
}

KERNEL(address_key)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        struct address address;
        char           bytes[2 * NAME_KEY_SIZE_MAX]; /* Forms are shorter than what they stand for, but for PO BOX: 4 more. */
        if (!vector_is_valid(&args[0], row))
            continue;
        address_split(&address, vector_str(&args[0], row));
        size_t size = address_print(&address, bytes);
        if (size == 0)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, bytes, size);
    }
}
