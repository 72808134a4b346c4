/* SPDX-License-Identifier: ISC
 *
 * NAME      meanwhile - no fan-out yet
 * PURPOSE   Weak functions that those of fan.c replace when they come; then this file goes.
 * OWNER     dxc workers
 * CONTRACT  nobody gets a spot
 * LIMITS    none known
 */
#include "workers/dxc/fan.h"
#include "shm/store/spots.h"
__attribute__((weak)) struct fan *fan_new(struct dxc *dxc) { return (struct fan *)dxc; }
__attribute__((weak)) void fan_free(struct fan **fan) { *fan = NULL; }
__attribute__((weak)) uint64_t fan_newest(struct fan *fan) { (void)fan; return 0; }
__attribute__((weak)) bool fan_want(struct client *client, const struct fan_want *want) { (void)client; (void)want; return true; }
__attribute__((weak)) void fan_leave(struct client *client) { (void)client; }
__attribute__((weak)) void fan_tick(struct fan *fan) { (void)fan; }
