/* Included from the command line in every file (-include): functions that invite mistakes do not compile. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#define KILN_BANNED(f) sorry_##f##_is_banned
#undef strcpy
#define strcpy(a, b) KILN_BANNED(strcpy)
#undef strcat
#define strcat(a, b) KILN_BANNED(strcat)
#undef sprintf
#define sprintf(...) KILN_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) KILN_BANNED(vsprintf)
#undef strtok
#define strtok(a, b) KILN_BANNED(strtok)
#undef system
#define system(a) KILN_BANNED(system)
#undef popen
#define popen(a, b) KILN_BANNED(popen)
#undef gmtime
#define gmtime(a) KILN_BANNED(gmtime)
#undef localtime
#define localtime(a) KILN_BANNED(localtime)
