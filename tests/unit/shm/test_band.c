/* SPDX-License-Identifier: ISC
 *
 * NAME      test_band - tests of bands, frequencies and modes
 * PURPOSE   the tables of the cluster's specification, bounds included
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "shm/band.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define KHZ	UINT64_C(1000)

static void test_bands(void **state)
{
	static const struct {
		const char *name;
		uint64_t low, high; /* Hz */
	} row[] = {
		{"2200m", 135700, 137800},	     {"630m", 472000, 479000},
		{"160m", 1800000, 2000000},	     {"80m", 3500000, 4000000},
		{"60m", 5060000, 5450000},	     {"40m", 7000000, 7300000},
		{"30m", 10100000, 10150000},	     {"20m", 14000000, 14350000},
		{"17m", 18068000, 18168000},	     {"15m", 21000000, 21450000},
		{"12m", 24890000, 24990000},	     {"10m", 28000000, 29700000},
		{"8m", 40000000, 44000000},	     {"6m", 50000000, 54000000},
		{"5m", 58000000, 60100000},	     {"4m", 69900000, 70500000},
		{"2m", 144000000, 148000000},	     {"1.25m", 222000000, 225000000},
		{"70cm", 420000000, 450000000},	     {"33cm", 902000000, 928000000},
		{"23cm", 1240000000, 1300000000},    {"13cm", 2300000000, 2450000000},
		{"9cm", 3300000000, 3500000000},     {"6cm", 5650000000, 5925000000},
		{"3cm", 10000000000, 10500000000},   {"1.25cm", 24000000000, 24250000000},
		{"6mm", 47000000000, 47200000000},   {"4mm", 75500000000, 81500000000},
		{"2mm", 134000000000, 141000000000}, {"1mm", 241000000000, 250000000000},
	};

	(void)state;
	assert_int_equal(ROWS(row), BANDS - 1);
	for (unsigned i = 0; i < ROWS(row); i++) {
		unsigned band = band_of(row[i].low);

		assert_int_equal(band, i + 1);
		assert_int_equal(band_of(row[i].high), band);
		assert_string_equal(band_name(band), row[i].name);
		assert_int_equal(band_of(row[i].low - 1), BAND_NONE);
		assert_int_equal(band_of(row[i].high + 1), BAND_NONE);
		assert_int_equal(band_parse(row[i].name, strlen(row[i].name)), band);
	}
	assert_string_equal(band_name(band_of(13999 * KHZ)), "???");
	assert_string_equal(band_name(200), "???");
	assert_int_equal(band_of(0), BAND_NONE);
	assert_int_equal(band_of(UINT64_MAX), BAND_NONE);
}

static void test_written_bands(void **state)
{
	static const struct {
		const char *text;
		unsigned band;
	} row[] = {
		{"20", BAND_20M},
		{"20M", BAND_20M},
		{"20 meters", BAND_20M},
		{"20m", BAND_20M},
		{" 20 Metre ", BAND_20M},
		{"70cm", BAND_70CM},
		{"70 centimeters", BAND_70CM},
		{"70 CENTIMETRE", BAND_70CM},
		{"2", BAND_2M},
		{"1.25m", BAND_125CM},
		{"1.25cm", BAND_12MM},
		{"6 mm", BAND_6MM},
		{"", BAND_NONE},
		{"m", BAND_NONE},
		{"21", BAND_NONE},
		{"???", BAND_NONE},
		{"20mm", BAND_NONE},
		{"20x", BAND_NONE},
		{"00000000000000000000000000000020", BAND_NONE},
		{"0000000000000000000000000000020", BAND_NONE},
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(row); i++)
		if (band_parse(row[i].text, strlen(row[i].text)) != row[i].band)
			fail_msg("%s", row[i].text);
}

static uint32_t class_of(const char *text)
{
	return band_class(text, strlen(text));
}

static void test_classes(void **state)
{
	(void)state;
	assert_int_equal(class_of("WARC"), 1 << BAND_30M | 1 << BAND_17M | 1 << BAND_12M);
	assert_int_equal(class_of("contesthf"), 1 << BAND_160M | 1 << BAND_80M | 1 << BAND_40M |
							1 << BAND_20M | 1 << BAND_15M |
							1 << BAND_10M);
	assert_int_equal(class_of("hf"), class_of("warc") | class_of("contesthf") | 1 << BAND_60M);
	assert_int_equal(class_of("vhf"), 1 << BAND_8M | 1 << BAND_6M | 1 << BAND_5M |
						  1 << BAND_4M | 1 << BAND_2M | 1 << BAND_125CM);
	assert_int_equal(class_of("uhf"),
			 1 << BAND_70CM | 1 << BAND_33CM | 1 << BAND_23CM | 1 << BAND_13CM);
	assert_int_equal(class_of("all"), (UINT64_C(1) << BANDS) - 1);
	assert_int_equal(class_of("shf") & (class_of("hf") | class_of("vhf") | class_of("uhf")), 0);
	assert_true(class_of("shf") & 1U << BAND_9CM && class_of("shf") & 1U << BAND_1MM);
	assert_int_equal(class_of("20m"), 0);
	assert_int_equal(class_of(""), 0);
}

static void check_frequency(const char *text, uint64_t wanted, uint64_t typed)
{
	uint64_t hz;

	assert_int_equal(band_frequency(text, strlen(text), &hz), wanted != 0);
	assert_int_equal(hz, wanted);
	assert_int_equal(band_frequency_typed(text, strlen(text), &hz), typed != 0);
	assert_int_equal(hz, typed);
}

static void test_frequencies(void **state)
{
	static const char *const bad[] = {
		"",	      "nan",   "inf",	   "1e309",  "0x1p3",  "-7000",
		"+7000",      "7.0.0", "14025,3",  " 14025", "14025 ", "14025.12345",
		"1234567890", ".5",    "14025.3x", "0",	     "00000",  "135.6",
	};

	(void)state;
	check_frequency("14025.3", 14025300, 14025300);
	check_frequency("7018.20", 7018200, 7018200);
	check_frequency("14025.", 14025000, 14025000);
	check_frequency("1294068.2", UINT64_C(1294068200), UINT64_C(1294068200));
	check_frequency("14025.0005", 14025001, 14025001);
	check_frequency("14025.0004", 14025000, 14025000);
	check_frequency("135.7", 135700, 135700);
	check_frequency("250000000", UINT64_C(250000000000), UINT64_C(250000000000));
	check_frequency("250000000.1", 0, 0);
	/* of people: megahertz, if that is in a band */
	check_frequency("14.024", 0, 14024000);
	check_frequency("14.0253", 0, 14025300);
	check_frequency("50.313", 0, 50313000);
	check_frequency("13.999", 0, 0);
	check_frequency("99.9", 0, 0);
	check_frequency("0.1365", 0, 136500);
	check_frequency("144.3", 144300, 144300);
	for (unsigned i = 0; i < ROWS(bad); i++)
		check_frequency(bad[i], 0, 0);
	check_frequency("14025.3", 14025300, 14025300);
}

static void test_mode_words(void **state)
{
	static const struct {
		const char *word;
		unsigned mode;
	} row[] = {
		{"CW", MODE_CW},	 {"cw", MODE_CW},	   {"CWT", MODE_CW},
		{"RTTY", MODE_RTTY},	 {"FT8", MODE_FT8},	   {"ft-8", MODE_FT8},
		{"FT4", MODE_FT4},	 {"FT-4", MODE_FT4},	   {"MSK", MODE_MSK144},
		{"MSK144", MODE_MSK144}, {"MSK-144", MODE_MSK144}, {"USB", MODE_USB},
		{"LSB", MODE_LSB},	 {"SSB", MODE_SSB},	   {"PSK", MODE_PSK},
		{"PSK31", MODE_PSK},	 {"PSK63", MODE_PSK},	   {"PSK125", MODE_PSK},
		{"JS8", MODE_JS8},	 {"JT65", MODE_JT65},	   {"JT9", MODE_JT9},
		{"Q65", MODE_Q65},	 {"FST4", MODE_FST4},	   {"FT2", MODE_FT2},
		{"OLIVIA", MODE_OLIVIA}, {"SSTV", MODE_SSTV},	   {"FM", MODE_FM},
		{"AM", MODE_AM},	 {"DIGI", MODE_DIGI},	   {"DATA", MODE_DIGI},
		{"", MODE_NONE},	 {"CWX", MODE_NONE},	   {"OLIVIAS", MODE_NONE},
		{"MSK-1445", MODE_NONE}, {"599", MODE_NONE},
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(row); i++)
		assert_int_equal(mode_word(row[i].word, strlen(row[i].word)), row[i].mode);
	assert_int_equal(mode_word("CW\0", 3), MODE_NONE);
	assert_string_equal(mode_name(MODE_MSK144), "MSK144");
	assert_string_equal(mode_name(MODE_WSPR), "WSPR");
	assert_string_equal(mode_name(MODE_SSB), "SSB");
	assert_string_equal(mode_name(MODE_NONE), "");
	assert_string_equal(mode_name(99), "");
	for (unsigned mode = 1; mode < MODES; mode++)
		assert_int_equal(mode_word(mode_name(mode), strlen(mode_name(mode))), mode);
}

static void test_sideband_and_class(void **state)
{
	(void)state;
	assert_int_equal(mode_resolve(MODE_SSB, 10000 * KHZ), MODE_USB);
	assert_int_equal(mode_resolve(MODE_SSB, 10000 * KHZ - 1), MODE_LSB);
	assert_int_equal(mode_resolve(MODE_SSB, 5330 * KHZ), MODE_USB);
	assert_int_equal(mode_resolve(MODE_SSB, 5410 * KHZ), MODE_USB);
	assert_int_equal(mode_resolve(MODE_SSB, 5329 * KHZ), MODE_LSB);
	assert_int_equal(mode_resolve(MODE_SSB, 7160500), MODE_LSB);
	assert_int_equal(mode_resolve(MODE_CW, 7160500), MODE_CW);
	assert_int_equal(mode_class(MODE_CW), MODE_CLASS_CW);
	assert_int_equal(mode_class(MODE_RTTY), MODE_CLASS_CW);
	assert_int_equal(mode_class(MODE_FT8), MODE_CLASS_DIGITAL);
	assert_int_equal(mode_class(MODE_DIGI), MODE_CLASS_DIGITAL);
	assert_int_equal(mode_class(MODE_USB), MODE_CLASS_VOICE);
	assert_int_equal(mode_class(MODE_FM), MODE_CLASS_VOICE);
	assert_true(mode_is_digital(MODE_PSK) && mode_is_digital(MODE_WSPR));
	assert_false(mode_is_digital(MODE_CW) || mode_is_digital(MODE_LSB) ||
		     mode_is_digital(MODE_NONE));
}

struct guess {
	double khz;
	unsigned mode;
};

static void check_guesses(const struct guess *guess, unsigned count, bool machine)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned mode = mode_infer((uint64_t)(guess[i].khz * 1000 + 0.5), machine);

		if (mode != guess[i].mode)
			fail_msg("%.4f: %s, not %s", guess[i].khz, mode_name(mode),
				 mode_name(guess[i].mode));
	}
}

static void test_windows(void **state)
{
	static const struct guess guess[] = {
		{1840, MODE_FT8},      {3573, MODE_FT8},      {5357, MODE_FT8},
		{7074, MODE_FT8},      {10136, MODE_FT8},     {14074, MODE_FT8},
		{14077, MODE_FT8},     {18100, MODE_FT8},     {21074, MODE_FT8},
		{24915, MODE_FT8},     {28074, MODE_FT8},     {40680, MODE_FT8},
		{50313, MODE_FT8},     {50323, MODE_FT8},     {70154, MODE_FT8},
		{144174, MODE_FT8},    {222065, MODE_FT8},    {432174, MODE_FT8},
		{1296174, MODE_FT8},   {1836, MODE_FT8},      {1845, MODE_FT8},
		{3567, MODE_FT8},      {7056, MODE_FT8},      {10131, MODE_FT8},
		{14090, MODE_FT8},     {14091.5, MODE_FT8},   {18095, MODE_FT8},
		{21091, MODE_FT8},     {24911, MODE_FT8},     {28091, MODE_FT8},
		{50303, MODE_FT8},     {3576.1, MODE_FT4},    {7047.5, MODE_FT4},
		{10140, MODE_FT4},     {14080, MODE_FT4},     {14082.5, MODE_FT4},
		{18104, MODE_FT4},     {21140, MODE_FT4},     {24919, MODE_FT4},
		{28180, MODE_FT4},     {50318, MODE_FT4},     {144172.5, MODE_FT4},
		{1838.1, MODE_WSPR},   {3570.1, MODE_WSPR},   {5366.2, MODE_WSPR},
		{7040.1, MODE_WSPR},   {10140.2, MODE_FT4},   {14097.1, MODE_WSPR},
		{18106.1, MODE_FT4},   {21096.1, MODE_WSPR},  {24926.1, MODE_WSPR},
		{28126.1, MODE_WSPR},  {50294.5, MODE_WSPR},  {144490.5, MODE_WSPR},
		{1843.5, MODE_JS8},    {3578, MODE_JS8},      {7078, MODE_JS8},
		{10130, MODE_JS8},     {14078, MODE_JS8},     {21078, MODE_JS8},
		{24922, MODE_JS8},     {28080, MODE_JS8},     {50260, MODE_MSK144},
		{50281, MODE_MSK144},  {144150, MODE_MSK144}, {144360, MODE_MSK144},
		{144361, MODE_MSK144}, {3580.5, MODE_PSK},    {7041, MODE_PSK},
		{7070, MODE_PSK},      {10142.5, MODE_FT4},   {10143, MODE_PSK},
		{14070, MODE_PSK},     {14072.5, MODE_PSK},   {18100, MODE_FT8},
		{21070, MODE_PSK},     {24920, MODE_FT4},     {28120, MODE_PSK},
		{14100, MODE_CW},      {14099.7, MODE_CW},    {14100.3, MODE_CW},
		{18110, MODE_CW},      {21150, MODE_CW},      {24930, MODE_CW},
		{28200, MODE_CW},
	};

	(void)state;
	check_guesses(guess, ROWS(guess), false);
	check_guesses(guess, ROWS(guess), true);
}

static void test_rtty_is_for_machines(void **state)
{
	static const struct guess machine[] = {
		{3590, MODE_RTTY},  {7045, MODE_RTTY},	{10146, MODE_RTTY}, {14085, MODE_RTTY},
		{21085, MODE_RTTY}, {24928, MODE_RTTY}, {28100, MODE_RTTY}, {14090, MODE_FT8},
	};
	static const struct guess human[] = {
		{3590, MODE_CW},    {7045, MODE_DIGI},	{10146, MODE_DIGI}, {14085, MODE_DIGI},
		{21085, MODE_DIGI}, {24928, MODE_DIGI}, {28100, MODE_DIGI}, {14090, MODE_FT8},
	};

	(void)state;
	check_guesses(machine, ROWS(machine), true);
	check_guesses(human, ROWS(human), false);
}

static void test_segments(void **state)
{
	static const struct guess guess[] = {
		{1800, MODE_CW},
		{1830, MODE_CW},
		{1838.5, MODE_LSB},
		{1900, MODE_LSB},
		{3525.1, MODE_CW},
		{3500, MODE_CW},
		{3600, MODE_CW},
		{3700, MODE_LSB},
		{3850, MODE_LSB},
		{4000, MODE_LSB},
		{5352, MODE_CW},
		{5356, MODE_USB},
		{7014.2, MODE_CW},
		{7038, MODE_CW},
		{7045, MODE_DIGI},
		{7050.1, MODE_LSB},
		{7125, MODE_LSB},
		{7250, MODE_LSB},
		{7300, MODE_LSB},
		{10110, MODE_CW},
		{10135, MODE_DIGI},
		{14025, MODE_CW},
		{14069.9, MODE_CW},
		{14099, MODE_DIGI},
		{14100.5, MODE_USB},
		{14195, MODE_USB},
		{14350, MODE_USB},
		{18080, MODE_CW},
		{18109.5, MODE_DIGI},
		{18110.5, MODE_USB},
		{18150, MODE_USB},
		{21030, MODE_CW},
		{21120, MODE_DIGI},
		{21150.5, MODE_USB},
		{21300, MODE_USB},
		{24900, MODE_CW},
		{24918.5, MODE_DIGI},
		{24930.5, MODE_USB},
		{24950, MODE_USB},
		{28015.1, MODE_CW},
		{28150, MODE_DIGI},
		{28200.5, MODE_USB},
		{28421.9, MODE_USB},
		{29510, MODE_FM},
		{29600, MODE_FM},
		{50090, MODE_CW},
		{50110, MODE_USB},
		{70200, MODE_USB},
		{144060, MODE_CW},
		{144300, MODE_USB},
		{145500, MODE_FM},
		{432050, MODE_CW},
		{432200, MODE_USB},
		/* where no segment is */
		{137, MODE_CW},
		{475, MODE_CW},
		{6000, MODE_CW},
		{9999.9, MODE_CW},
		{10000, MODE_USB},
		{52000, MODE_USB},
		{144700, MODE_USB},
		{10368100, MODE_USB},
	};

	(void)state;
	check_guesses(guess, ROWS(guess), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bands),	   cmocka_unit_test(test_written_bands),
		cmocka_unit_test(test_classes),	   cmocka_unit_test(test_frequencies),
		cmocka_unit_test(test_mode_words), cmocka_unit_test(test_sideband_and_class),
		cmocka_unit_test(test_windows),	   cmocka_unit_test(test_rtty_is_for_machines),
		cmocka_unit_test(test_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
