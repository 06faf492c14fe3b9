/* Limits as the configuration has them. */
#ifndef VEREDUS_SIEVE_SIEVE_CONFIG_H
#define VEREDUS_SIEVE_SIEVE_CONFIG_H

#include "config/config_sieve.h"
#include "sieve/sieve.h"

struct sieve_limits sieve_limits_of(const struct config_sieve *config);

#endif
