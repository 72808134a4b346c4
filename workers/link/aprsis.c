/* SPDX-License-Identifier: ISC
 *
 * NAME      aprsis - one session with an APRS-IS server
 * PURPOSE   See aprsis.h.
 * OWNER     link
 * CONTRACT  see aprsis.h
 * LIMITS    see aprsis.h
 */
#include "workers/link/aprsis.h"

#include <string.h>

static void enter(struct aprsis *self, enum aprsis_state state, uint64_t now)
{
	self->state = state;
	self->entered = now;
}

bool aprsis_may_connect(const struct aprsis *self, uint64_t now)
{
	return self->state == APRSIS_IDLE && now >= self->retry;
}

void aprsis_connecting(struct aprsis *self, uint64_t now)
{
	enter(self, APRSIS_CONNECTING, now);
	self->used = 0;
	self->skipping = false;
}

void aprsis_connected(struct aprsis *self, uint64_t now)
{
	enter(self, APRSIS_BANNER, now);
	self->heard = now;
}

static enum aprsis_act on_line(struct aprsis *self, uint64_t now)
{
	enum aprs_said said = aprs_said(self->line);

	if (said == APRS_FULL && self->state != APRSIS_ONLINE)
		return APRSIS_FULL;
	if (self->state == APRSIS_BANNER && said != APRS_NOTHING) {
		enter(self, APRSIS_LOGIN, now);
		return APRSIS_SEND_LOGIN;
	}
	if (self->state != APRSIS_LOGIN)
		return APRSIS_NOTHING;
	if (said == APRS_VERIFIED) {
		enter(self, APRSIS_ONLINE, now);
		self->broken = false;
		return APRSIS_WELCOME;
	}
	return said == APRS_UNVERIFIED ? APRSIS_REFUSED : APRSIS_NOTHING;
}

enum aprsis_act aprsis_input(struct aprsis *self, uint64_t now, const char *data, size_t length,
			     size_t *used_r)
{
	self->heard = now;
	for (size_t i = 0; i < length; i++) {
		enum aprsis_act act = APRSIS_NOTHING;

		if (data[i] != '\n' && self->used < sizeof(self->line) - 1) {
			self->line[self->used++] = data[i] != '\0' ? data[i] : ' ';
			continue;
		}
		if (data[i] != '\n') {
			self->skipping = true;
			continue;
		}
		if (self->used > 0 && self->line[self->used - 1] == '\r')
			self->used--;
		self->line[self->used] = '\0';
		if (!self->skipping)
			act = on_line(self, now);
		self->used = 0;
		self->skipping = false;
		if (act != APRSIS_NOTHING) {
			*used_r = i + 1;
			return act;
		}
	}
	*used_r = length;
	return APRSIS_NOTHING;
}

bool aprsis_overdue(const struct aprsis *self, uint64_t now, const char **why_r)
{
	static const char *const step[] = {
		[APRSIS_CONNECTING] = "no connection",
		[APRSIS_BANNER] = "no banner",
		[APRSIS_LOGIN] = "no answer to the login",
	};

	if (self->state == APRSIS_IDLE)
		return false;
	if (self->state == APRSIS_ONLINE) {
		*why_r = "silence";
		return clock_age(now, self->heard) > APRSIS_SILENCE;
	}
	*why_r = step[self->state];
	return clock_age(now, self->entered) > APRSIS_PATIENCE;
}

/* Between three quarters of it and all of it: many who lost a server at once come back one by one.
 */
static uint64_t spread(uint64_t wait, uint32_t jitter)
{
	return wait - wait / 4 / 65536 * (jitter & 0xffff);
}

bool aprsis_failed(struct aprsis *self, uint64_t now, bool refused, uint32_t jitter)
{
	bool held = self->state == APRSIS_ONLINE && clock_age(now, self->entered) >= APRSIS_STABLE;
	bool was_broken = self->broken;
	uint64_t wait = APRSIS_RETRY;

	self->failures = held ? 1 : self->failures + 1;
	self->broken = refused || self->failures >= APRSIS_BREAK;
	for (unsigned i = 1; i < self->failures && wait < APRSIS_RETRY_MAX; i++)
		wait *= 2;
	if (wait > APRSIS_RETRY_MAX)
		wait = APRSIS_RETRY_MAX;
	self->retry = now + spread(self->broken ? APRSIS_PAUSE : wait, jitter);
	enter(self, APRSIS_IDLE, now);
	return self->broken && !was_broken;
}

bool aprsis_may_report(const struct aprsis *self, uint64_t now)
{
	return self->state == APRSIS_ONLINE &&
	       (self->reported == 0 || clock_age(now, self->reported) >= APRSIS_PACE);
}

bool aprsis_keepalive_due(const struct aprsis *self, uint64_t now)
{
	return self->state == APRSIS_ONLINE && clock_age(now, self->spoke) >= APRSIS_KEEPALIVE;
}
