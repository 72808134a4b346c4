/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_sim - the state of one gateway simulator and the parts that work on it
 * PURPOSE   gateways (station_*), rooms and talkers (talk_*), manual control (manual_*), the report
 *           (report_*); ysfsim.c puts them together
 * OWNER     tests/load/ysfsim
 * CONTRACT  one thread; times are CLOCK_MONOTONIC nanoseconds. Gateways are indexed from 0 and
 *           named from G00001; a room's members are neighbours, first .. first + count - 1.
 * LIMITS    SIM_ROOMS rooms, SIM_TALKERS talkers, SIM_PAIRS pairs of talker and receiver
 */
#ifndef SHACKD_TESTS_LOAD_LIB_SIM_H
#define SHACKD_TESTS_LOAD_LIB_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/load/lib_call.h"
#include "tests/load/lib_fan.h"
#include "tests/load/lib_slices.h"
#include "tests/load/lib_truth.h"

#define SIM_ROOMS	 99
#define SIM_TALKERS	 1000
#define SIM_PAIRS	 8000000u
#define SIM_TALKERS_ROOM 16

struct sim_options {
	struct fan_options fan;
	int nrooms;
	int dgid[SIM_ROOMS];
	uint32_t count[SIM_ROOMS]; /* gateways of a room; 0: share what is left */
	bool suffix;		   /* names fix the DG-ID */
	bool mixed;		   /* ... of every other gateway */
	bool radio;		   /* frames tell remarks and a model beside the voice */
	bool voice_fr;		   /* ... or have no data channel at all */
	uint32_t bit_errors;	   /* of 1,000 bits of FICH and payload */
	bool prefix;		   /* movable listeners must see their room */
	uint32_t talkers;     /* over all rooms, dealt out in turn; SIM_TALKERS + 1: one each */
	uint32_t frames;      /* voice frames of a call; 0: until the time is up */
	uint32_t calls;	      /* of each room; 0: until the time is up */
	uint64_t seconds;     /* greatest duration of the talking */
	uint64_t interval_ns; /* between frames of a call */
	uint64_t pause_ns;    /* between calls of a room */
	uint32_t window;      /* closed loop: frames on their way at most; 0: paced */
	uint64_t poll_ns;     /* keep-alive interval; 0: none */
	uint64_t register_ns; /* how long registration may take */
	uint64_t late_ns;     /* above this a delivery counts as late */
	uint64_t drain_ns;    /* how long to wait for the last frames */
	uint64_t linger_ns;   /* then listen on, for doubles */
	bool burst, unlink, json, progress, demo, manual;
	int stop_fd;
};

struct station {
	uint64_t polled_ns;
	uint64_t answered_ns; /* latest answer; 0: never */
	uint64_t first_ns;    /* first answer */
	bool open;	      /* the latest poll has no answer yet */
	int32_t talker;	      /* index, or -1 */
	uint16_t room;
	bool movable;
	uint8_t name[10];
};

struct talker {
	uint32_t gate;
	struct call_talker frames;
	struct truth_talker *truth;
};

enum room_state { ROOM_QUIET, ROOM_TALKING, ROOM_CLOSING, ROOM_DONE };

struct room {
	int dgid;
	uint32_t first, count;
	int ntalkers;
	int32_t talker[SIM_TALKERS_ROOM];
	enum room_state state;
	uint32_t calls;
	uint32_t voiced; /* voice frames of the present call */
	uint64_t next_ns;
	uint64_t heard_ns; /* last progress, for the closed loop */
};

struct sim {
	struct sim_options o;
	struct fan *fan;
	struct station *gate;
	struct room room[SIM_ROOMS];
	struct talker talker[SIM_TALKERS];
	int ntalkers;
	struct truth_faults faults;
	uint64_t polls, repolls, answers, unanswered;
	uint64_t answers_doubled; /* came when no poll was open */
	uint64_t unlinks;
	uint64_t received;     /* datagrams of the reflector, of whatever worth */
	uint64_t send_late_ns; /* most that a frame left behind its schedule: our own stall */
	uint32_t registered;
	uint64_t register_start_ns, register_last_ns;
	uint32_t next_new; /* next gateway that has never polled */
	uint64_t rescan_ns;
	uint64_t keep_start_ns, keep_done;
	uint64_t talk_start_ns, talk_end_ns, last_heard_ns;
	bool stop;	/* finish the present calls */
	bool deaf;	/* manual control: don't read */
	bool marked;	/* lateness is booked by itself too, see SIGUSR1 */
	uint64_t heard; /* frames, of whatever worth */
	uint32_t seed;	/* of --bit-errors */
	struct slices slices;
};

/* station: names, registration, keep-alive, and everything that comes in */
void station_setup(struct sim *s);
void station_register_turn(struct sim *s, uint64_t now);
bool station_all_registered(const struct sim *s);
void station_keep_turn(struct sim *s, uint64_t now);
uint64_t station_keep_due(const struct sim *s);
void station_count_silent(struct sim *s, uint64_t now);
void station_unlink_all(struct sim *s);
void station_heard(void *sim, const struct fan_datagram *d);

/* talk: rooms, calls, frames */
bool talk_setup(struct sim *s);
void talk_destroy(struct sim *s);
void talk_header(struct sim *s, int talker);
void talk_voice(struct sim *s, int talker);
void talk_end(struct sim *s, int talker);
void talk_turn(struct sim *s, uint64_t now);
uint64_t talk_due(const struct sim *s);
bool talk_done(const struct sim *s);
bool talk_drained(struct sim *s);

/* manual: the commands of --manual; false when the input has ended */
bool manual_read(struct sim *s);

/* report: prints and returns whether all was clean */
bool report_print(struct sim *s);
void report_progress(const struct sim *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void report_demo_call(const struct sim *s, int talker, bool end);

#endif
