/* Included before every source file by the build: functions that are compile errors here. */
#ifndef VEREDUS_BASE_BANNED_H
#define VEREDUS_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* With clang, glibc's fortified ones are macros, which can't be poisoned. */
#undef sprintf
#undef vsprintf
/* No bounds. */
#pragma GCC poison strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets
/* Hidden state that threads and fibers would share. */
#pragma GCC poison strtok localtime gmtime ctime asctime strerror setlocale
/* Errors that can't be told from answers. */
#pragma GCC poison atoi atol atoll

#endif
