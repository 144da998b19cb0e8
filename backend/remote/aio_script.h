/*
 * The shell scripts that do in the container what the service has no endpoint for. Each takes
 * its arguments as $1, $2, ... and answers on stdout. To refuse, it prints one line
 * "code: message" (code as in err_code_name()) on stderr and exits with 3.
 */
#ifndef BACKEND_REMOTE_AIO_SCRIPT_H
#define BACKEND_REMOTE_AIO_SCRIPT_H

extern const char aio_script_read[], aio_script_write[], aio_script_list[], aio_script_kill[],
    aio_script_kill_pid[], aio_script_remove[], aio_script_is_dir[], aio_script_cat[],
    aio_script_processes[], aio_script_metrics[];

#endif
