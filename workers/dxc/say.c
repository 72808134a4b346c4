/* SPDX-License-Identifier: ISC
 *
 * NAME      say - words to one user
 * PURPOSE   See say.h.
 * OWNER     dxc workers
 * CONTRACT  see say.h
 * LIMITS    see say.h
 */
#include "workers/dxc/say.h"
#include "shm/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shm/text.h"

/* Each LF becomes CR LF; a byte that is nothing to look at a '?', and so is 0xff, telnet's own. */
static void put(struct client *client, const char *text, size_t length, bool end)
{
	char out[2 * SAY_MAX + 2];
	size_t at = 0;

	for (size_t i = 0; i < length; i++) {
		uint8_t byte = (uint8_t)text[i];

		if (byte == '\n')
			out[at++] = '\r';
		else if ((byte < ' ' && byte != '\a') || byte == 0x7f || byte == 0xff)
			byte = '?';
		out[at++] = (char)byte;
	}
	if (end) {
		out[at++] = '\r';
		out[at++] = '\n';
	}
	tcp_put(client->conn, out, at);
}

void say(struct client *client, const char *format, ...)
{
	char text[SAY_MAX];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length >= (int)sizeof(text))
		length = (int)sizeof(text) - 1;
	put(client, text, length > 0 ? (size_t)length : 0, true);
}

void say_open(struct client *client, const char *text)
{
	put(client, text, strnlen(text, SAY_MAX), false);
}

/* Cuts at most three bytes, so that no sign is left half. */
static size_t whole_signs(const char *text, size_t length)
{
	for (size_t cut = 0; cut <= 3 && cut <= length; cut++)
		if (text_is_utf8(text, length - cut))
			return length - cut;
	return length;
}

/* The control characters beyond ASCII: U+009B begins what ESC [ begins. */
static bool is_control(const char *text)
{
	return (uint8_t)text[0] == 0xc2 && (uint8_t)text[1] >= 0x80 && (uint8_t)text[1] < 0xa0;
}

size_t say_clean(char *dst, size_t size, const char *text)
{
	size_t length = 0;

	while (*text == ' ')
		text++;
	for (; *text != '\0' && length + 1 < size; text++) {
		uint8_t byte = (uint8_t)*text;

		if (byte == ' ' && (length == 0 || dst[length - 1] == ' '))
			continue;
		if (is_control(text))
			text++;
		else if (byte >= ' ' && byte != 0x7f)
			dst[length++] = (char)byte;
	}
	length = whole_signs(dst, length);
	if (!text_is_utf8(dst, length))
		for (size_t i = 0; i < length; i++)
			if ((uint8_t)dst[i] >= 0x80)
				dst[i] = '?';
	while (length > 0 && dst[length - 1] == ' ')
		length--;
	memset(dst + length, 0, size - length);
	return length;
}

void say_date(uint64_t real, char text_r[SAY_DATE_SIZE])
{
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(real / NS_PER_SEC);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	snprintf(text_r, SAY_DATE_SIZE, "%2d-%s-%04u", tm.tm_mday, months[tm.tm_mon],
		 (unsigned)(tm.tm_year + 1900) % 10000);
}

void say_minute(uint64_t real, char text_r[SAY_DATE_SIZE])
{
	unsigned minute = (unsigned)(real / NS_PER_SEC / 60 % (24 * 60));

	snprintf(text_r, SAY_DATE_SIZE, "%02u%02uZ", minute / 60, minute % 60);
}
