/* SPDX-License-Identifier: ISC
 *
 * NAME      denylist - a line of an access file
 * PURPOSE   See denylist.h.
 * OWNER     data, shackctl
 * CONTRACT  see denylist.h
 * LIMITS    see denylist.h
 */
#include "shm/denylist.h"

#include <ctype.h>
#include <string.h>

#include "shm/addr.h"
#include "shm/text.h"

#define V4_BITS 96 /* of the mapped prefix */

/* pYSFReflector3 passes over shorter lines. */
#define SHORTEST_LINE 4
#define SHORTEST_CALL 3
#define LONGEST_CALL  8
#define SERIAL	      5

static enum line_kind bad(struct deny_rule *rule, const char *why)
{
	rule->why = why;
	return LINE_BAD;
}

/* ---- addresses ---- */

static void clear_host_bits(struct access_net *net)
{
	for (unsigned bit = net->length; bit < 128; bit++)
		net->ip[bit / 8] &= (uint8_t) ~(0x80U >> (bit % 8));
}

bool denylist_net(const char *text, struct access_net *net_r)
{
	char copy[ADDR_TEXT_MAX], *slash;
	struct addr addr;
	int64_t bits = -1;

	*net_r = (struct access_net){0};
	if (!text_copy(copy, sizeof(copy), text))
		return false;
	slash = strchr(copy, '/');
	if (slash != NULL) {
		*slash = '\0';
		if (!isdigit((unsigned char)slash[1]) || text_number(slash + 1, &bits) < 0)
			return false;
	}
	/* a port, which addr_parse knows, has no place here */
	char *colon = strchr(copy, ':'), *bracket = strchr(copy, ']');
	if ((colon != NULL && strchr(colon + 1, ':') == NULL) ||
	    (bracket != NULL && bracket[1] != '\0') || addr_parse(copy, 0, &addr) < 0)
		return false;
	int64_t most = addr_is_ipv4(&addr) && strchr(copy, ':') == NULL ? 32 : 128;
	if (bits > most)
		return false;
	memcpy(net_r->ip, addr.ip, sizeof(net_r->ip));
	net_r->length = (uint8_t)(bits < 0 ? 128 : bits + 128 - most);
	clear_host_bits(net_r);
	return true;
}

bool denylist_is_host(const char *name)
{
	const char *label = name;
	size_t length = strlen(name);

	if (length == 0 || length > 253)
		return false;
	for (const char *c = name; *c != '\0'; c++) {
		if (*c == '.' && (c == label || c - label > 63))
			return false;
		if (*c == '.' && c[1] != '\0')
			label = c + 1;
		if (!isalnum((unsigned char)*c) && strchr("-_.", *c) == NULL)
			return false;
	}
	/* the last label of a name is no number */
	return strlen(label) <= 64 && strspn(label, "0123456789.") != strlen(label);
}

static enum line_kind read_address(struct deny_rule *rule, const char *field, size_t length)
{
	char text[LIST_HOST];

	if (!line_copy(text, sizeof(text), field, length))
		return bad(rule, length == 0 ? "has nothing behind its colon"
					     : "has a host name that is too long");
	if (denylist_net(text, &rule->net))
		return LINE_RULE;
	if (!denylist_is_host(text))
		return bad(rule, "has neither an address, nor a network, nor a host name");
	for (size_t i = 0; text[i] != '\0'; i++)
		rule->host[i] = (char)tolower((unsigned char)text[i]);
	return LINE_RULE;
}

/* ---- texts ---- */

/* A part of a source never holds what sources are split at. */
static bool is_part(const char *text)
{
	return strpbrk(text, "-/' ") == NULL;
}

static enum line_kind check_text(struct deny_rule *rule)
{
	size_t length = strlen(rule->text);

	if (strchr(rule->text, '\t') != NULL)
		return bad(rule, "has a tab in its text");
	if (rule->set == ACCESS_SN)
		return length == SERIAL ? LINE_RULE
					: bad(rule, "has a serial that is not of five characters");
	if (rule->set == ACCESS_CS && (length < SHORTEST_CALL || length > LONGEST_CALL))
		return bad(rule, "has a call that is not of three to eight characters");
	if (rule->set != ACCESS_GW && rule->set != ACCESS_GWB && !is_part(rule->text))
		return bad(rule, "has more than one part of a source (they are split at - / ' and "
				 "blanks)");
	return LINE_RULE;
}

static enum line_kind read_text(struct deny_rule *rule, const char *field, size_t length)
{
	if (length == 0)
		return bad(rule, "has nothing behind its colon");
	if (!line_copy(rule->text, LIST_TEXT - 1, field, length))
		return bad(rule, "has more than ten characters behind its colon");
	return check_text(rule);
}

/* The set that a word stands for; ACCESS_SETS: none. */
static enum access_set set_of(const char *word, size_t length)
{
	for (unsigned set = 0; set < ACCESS_SETS; set++) {
		const char *name = access_set_name(set);

		if (set != ACCESS_SUB && strlen(name) == length && memcmp(name, word, length) == 0)
			return set;
	}
	return ACCESS_SETS;
}

enum line_kind denylist_parse(const char *line, size_t length, struct deny_rule *rule_r)
{
	const char *rest = line, *field;
	enum line_kind kind;
	size_t size;

	*rule_r = (struct deny_rule){.set = ACCESS_CS};
	kind = line_look(line, length, &rule_r->why);
	if (kind != LINE_RULE)
		return kind;
	if (length < SHORTEST_LINE)
		return bad(rule_r, "is shorter than four characters (CS:ABC is a call of three)");
	line_field(&rest, &length, &field, &size);
	if (rest == NULL)
		return read_text(rule_r, field, size);
	rule_r->set = set_of(field, size);
	if (rule_r->set == ACCESS_SETS)
		return bad(rule_r, "begins with none of CS AL SB GW GWB IP IPB SN");
	if (rule_r->set == ACCESS_IP || rule_r->set == ACCESS_IPB) {
		while (length > 0 && (*rest == ' ' || *rest == '\t')) {
			rest++;
			length--;
		}
		return read_address(rule_r, rest, length);
	}
	line_field(&rest, &length, &field, &size);
	/* a call may have remarks behind it, nothing else may (pYSFReflector3) */
	if (rest != NULL && rule_r->set != ACCESS_CS)
		return bad(rule_r, "has a second colon");
	return read_text(rule_r, field, size);
}

enum line_kind blocklist_parse(const char *line, size_t length, struct deny_rule *rule_r)
{
	enum line_kind kind;

	*rule_r = (struct deny_rule){.set = ACCESS_SUB};
	kind = line_look(line, length, &rule_r->why);
	if (kind != LINE_RULE)
		return kind;
	if (!line_copy(rule_r->text, LIST_TEXT - 1, line, length))
		return bad(rule_r, "is longer than any source");
	if (strchr(rule_r->text, '\t') != NULL)
		return bad(rule_r, "has a tab in its text");
	for (char *c = rule_r->text; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	return LINE_RULE;
}
