/*
 * A cell in flight: what code_run.c starts and code_cell.c drives.
 */
#ifndef BACKEND_LOCAL_CODE_CELL_H
#define BACKEND_LOCAL_CODE_CELL_H

#include "backend/local/code.h"

enum cell_stage { CELL_RUNS, CELL_INTERRUPTED, CELL_KILLED };

/* One cell in flight; owned by its job's driver, freed when that lets go. */
struct cell {
    struct job *job;
    struct code_context
        *context; /* released with the cell: the reactor asks for its descriptors until then */
    struct local_sandbox *sandbox;
    struct buf answer;         /* the response line */
    struct code_result result; /* what it says */
    bool answered, garbled;    /* garbled: it is no answer to this request */
    bool background, ended;    /* ended: the interpreter is gone */
    enum cell_stage stage;
    int64_t id;
    char token[33], note[CODE_WHY + 100];
    int wait_status; /* of the interpreter, when it ended */
};

/* The pump of the cell's job; its drop() frees the cell. */
extern const struct pump_ops cell_ops;

/* Lets the context and the job go. */
void cell_free(struct cell *cell);

#endif
