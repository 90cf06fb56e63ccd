/*
 * When something happens again and again, as systemd.time(7) has it: a part of that grammar which systemd is sure to
 * take (docs/formats.md, "Calendars").
 */
#pragma once
#include <stdbool.h>

enum { CALENDAR_WHY = 96 };
/* Whether `text` is one; else `why` says what is wrong with it. */
bool calendar_check(const char *text, char why[CALENDAR_WHY]);
