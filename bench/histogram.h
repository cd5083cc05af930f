/* Latencies, counted in steps of ten microseconds up to twenty seconds; what is later counts as twenty. */

#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { STEP_MICROS = 10, STEPS = 2000000 };

struct histogram {
    uint64_t total;
    int64_t worst_micros;
    uint32_t steps[STEPS];
};

static inline void histogram_clear(struct histogram *h) { memset(h, 0, sizeof *h); }

static inline void histogram_add(struct histogram *h, int64_t micros) {
    if (micros < 0) micros = 0;
    if (micros > h->worst_micros) h->worst_micros = micros;
    int64_t step = micros / STEP_MICROS;
    h->steps[step < STEPS ? step : STEPS - 1]++;
    h->total++;
}

/* The latency, in milliseconds, that `share` of all stayed within; 0 of none. */
static inline double histogram_at(const struct histogram *h, double share) {
    uint64_t wanted = (uint64_t)(share * (double)h->total), passed = 0;
    for (int64_t step = 0; step < STEPS; step++) {
        passed += h->steps[step];
        if (passed > wanted || (passed == h->total && passed > 0)) return (double)((step + 1) * STEP_MICROS) / 1000;
    }
    return 0;
}

/* The one clock of all programs here: it is the same in every process of the machine. */
static inline int64_t now_micros(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* What this process has used of a core so far. */
static inline double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

#endif
