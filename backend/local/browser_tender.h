/*
 * A thread that ends browsers which nobody used for long, and takes away those that have ended.
 * From the first browser on until the backend closes.
 */
#ifndef BACKEND_LOCAL_BROWSER_TENDER_H
#define BACKEND_LOCAL_BROWSER_TENDER_H

#include <pthread.h>
#include <stdbool.h>

struct local_backend;

/* All of it is guarded by the backend's lock. */
struct browser_tender {
    pthread_t thread;
    pthread_cond_t changed;
    bool runs, stop;
};

void browser_tender_init(struct browser_tender *t);
void browser_tender_start(struct local_backend *be);
void browser_tender_stop(struct local_backend *be);

#endif
