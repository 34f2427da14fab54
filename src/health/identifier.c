/* Identifiers and codes with a form of their own: of people, diagnoses, drugs, vaccines; telephone and mail. Each form has one
 * function that tells it, and what is not of the form is null or false: nothing is guessed. */
#include "health/kernels_int.h"

/* ---- People ---- */

/* Medicare Beneficiary Identifier: a place is a digit, a letter, or either. CMS leaves out letters that are taken for digits. */
static bool
mbi_is_valid(struct str text)
{
    static const char places[] = "CAXNAXNAANN"; /* C 1 to 9, N 0 to 9, A letter, X letter or digit. */
    static const char letters[] = "ACDEFGHJKMNPQRTUVWXY";
    if (text.size != sizeof places - 1)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c         = text.data[i];
        bool is_digit  = ascii_is_digit(c);
        bool is_letter = c != '\0' && strchr(letters, c) != NULL;
        bool fits      = places[i] == 'A' ? is_letter : places[i] == 'X' ? is_letter || is_digit : is_digit;
        if (!fits || (places[i] == 'C' && c == '0'))
            return false;
    }
    return true;
}
CHECK_KERNEL(mbi_is_valid)

static bool
ssn_is_valid(struct str text)
{
    char digits[9];
    text = str_trim(text);
    if (text.size == 11 && text.data[3] == '-' && text.data[6] == '-') {
        memcpy(digits, text.data, 3);
        memcpy(digits + 3, text.data + 4, 2);
        memcpy(digits + 5, text.data + 7, 4);
    } else if (text.size == 9) {
        memcpy(digits, text.data, 9);
    } else {
        return false;
    }
    return all_digits(str_of(digits, 9)) && digits[0] != '9' && memcmp(digits, "000", 3) != 0 &&
           memcmp(digits, "666", 3) != 0 && memcmp(digits + 3, "00", 2) != 0 && memcmp(digits + 5, "0000", 4) != 0;
}
CHECK_KERNEL(ssn_is_valid)

/* ---- ICD-10-CM ---- */

static bool
icd10cm_category_fits(const char category[3])
{
    static const char *const lettered[] = { "C4A", "C7A", "C7B", "D3A", "M1A", "O9A", "Z3A" };
    if (!ascii_is_letter(category[0]) || !ascii_is_digit(category[1]))
        return false;
    for (size_t i = 0; i < sizeof lettered / sizeof *lettered; i++)
        if (memcmp(category, lettered[i], 3) == 0)
            return true;
    return ascii_is_digit(category[2]);
}

/* Three to seven letters and digits; a dot stands behind the third, if anywhere, and something behind the dot. */
static size_t
icd10cm_code(struct str text, char out[NORMAL_SIZE_MAX])
{
    size_t size = 0;
    text        = str_trim(text);
    for (size_t i = 0; i < text.size; i++) {
        char c = ascii_to_upper(text.data[i]);
        if (c == '.' && i == 3 && text.size > 4)
            continue;
        if ((!ascii_is_digit(c) && !ascii_is_letter(c)) || size == 7)
            return 0;
        out[size++] = c;
    }
    return size >= 3 && icd10cm_category_fits(out) ? size : 0;
}
NORMAL_KERNEL(icd10cm_code)

static size_t
icd10cm_display(struct str text, char out[NORMAL_SIZE_MAX])
{
    size_t size = icd10cm_code(text, out);
    if (size <= 3)
        return size;
    memmove(out + 4, out + 3, size - 3);
    out[3] = '.';
    return size + 1;
}
NORMAL_KERNEL(icd10cm_display)

static bool
icd10cm_is_valid(struct str text)
{
    char code[NORMAL_SIZE_MAX];
    return icd10cm_code(text, code) > 0;
}
CHECK_KERNEL(icd10cm_is_valid)

/* ---- Drugs and vaccines ---- */

/* Labeler, product, package in 5, 4 and 2 digits. One segment, and one only, may want one digit. */
static size_t
ndc_11(struct str text, char out[NORMAL_SIZE_MAX])
{
    static const size_t wanted[3] = { 5, 4, 2 };
    struct str_split    split     = str_split_init(str_trim(text), '-');
    struct str          part;
    size_t              count = 0, size = 0, missing = 0;
    if (str_trim(text).size == 11 && all_digits(str_trim(text))) {
        memcpy(out, str_trim(text).data, 11);
        return 11;
    }
    for (; str_split_next(&split, &part); count++) {
        if (count == 3 || !all_digits(part) || part.size > wanted[count] || part.size + 1 < wanted[count])
            return 0;
        if (part.size < wanted[count]) {
            missing++;
            out[size++] = '0';
        }
        memcpy(out + size, part.data, part.size);
        size += part.size;
    }
    return count == 3 && missing <= 1 ? size : 0;
}
NORMAL_KERNEL(ndc_11)

static size_t
cvx_code(struct str text, char out[NORMAL_SIZE_MAX])
{
    size_t size = 0;
    text        = str_trim(text);
    if (text.size == 0 || text.size > 3 || !all_digits(text))
        return 0;
    if (text.size == 1)
        out[size++] = '0';
    memcpy(out + size, text.data, text.size);
    return size + text.size;
}
NORMAL_KERNEL(cvx_code)

/* ---- Telephone and mail ---- */

/* Without "x 12", "ext. 12", "#12" behind it. A number itself has neither x, e nor #. */
static struct str
without_extension(struct str text)
{
    for (size_t i = 0; i < text.size; i++)
        if (ascii_to_lower(text.data[i]) == 'x' || ascii_to_lower(text.data[i]) == 'e' || text.data[i] == '#')
            return str_slice(text, 0, i);
    return text;
}

static size_t
phone_number(struct str text, char out[NORMAL_SIZE_MAX])
{
    char   digits[15]; /* E.164: at most 15. */
    size_t count = 0;
    text         = str_trim(text);
    if (str_starts_with(text, STR("tel:"))) /* RFC 3966, as FHIR's telecom sometimes has it. */
        text = str_slice(text, 4, text.size);
    bool has_plus = str_starts_with(text, STR("+"));
    text          = without_extension(has_plus ? str_slice(text, 1, text.size) : text);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (ascii_is_digit(c) && count < sizeof digits)
            digits[count++] = c;
        else if (ascii_is_digit(c) || c == '\0' || strchr(" ()-./", c) == NULL)
            return 0;
    }
    const char *national = digits;
    if (count == 11 && digits[0] == '1')
        national++;
    else if (has_plus && count >= 8 && digits[0] > '1') {
        out[0] = '+';
        memcpy(out + 1, digits, count);
        return count + 1;
    } else if (count != 10 || has_plus)
        return 0;
    if (national[0] < '2' || national[3] < '2')
        return 0;
    memcpy(out, "+1", 2);
    memcpy(out + 2, national, 10);
    return 12;
}
NORMAL_KERNEL(phone_number)

/* What can be told by form: RFC 5321 lets the part before the @ be nearly anything, so that only blanks and a second @ are
 * refused there. Its length is bounded by 254 (RFC 5321, 4.5.3.1). */
static bool
email_fits(struct str text)
{
    size_t at = str_find_byte(text, '@');
    if (text.size > 254 || at == STR_NOT_FOUND || at == 0 || str_find_last_byte(text, '@') != at)
        return false;
    struct str domain = str_slice(text, at + 1, text.size);
    size_t     dot    = str_find_last_byte(domain, '.');
    if (dot == STR_NOT_FOUND || dot == 0 || dot + 1 == domain.size)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f)
            return false;
    return true;
}

KERNEL(email_address)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        char lower[254];
        if (!vector_is_valid(&args[0], row))
            continue;
        struct str text = str_trim(vector_str(&args[0], row));
        if (!email_fits(text)) {
            vector_out_null(out, row);
            continue;
        }
        for (size_t i = 0; i < text.size; i++)
            lower[i] = ascii_to_lower(text.data[i]);
        vector_out_text(out, row, lower, text.size);
    }
}
