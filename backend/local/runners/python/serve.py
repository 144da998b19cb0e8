# Requests in, responses out.

def bad_request(request):
    """What is wrong with a decoded request, or None."""
    if type(request.get("id")) not in (int, str) or not isinstance(request.get("token"), str):
        return "a request is an object with id, token, op and code"
    if request.get("op") != "exec":
        return "unknown op; known: exec"
    if not isinstance(request.get("code"), str):
        return "code must be a string"
    if not isinstance(request.get("cwd"), (str, type(None))):
        return "cwd must be a string"
    env = request.get("env")
    if env is not None and not (
        isinstance(env, dict) and all(isinstance(v, str) for v in env.values())
    ):
        return "env must be a map of strings"
    return None


def failed(name, value, count=0):
    """The outcome of what never became a cell."""
    return {"error": error(name, value), "count": count}


def response(request, outcome):
    err, results = outcome["error"], outcome.get("results")
    head = {"id": request.get("id"), "token": request.get("token"),
            "status": "error" if err else "ok", "text": outcome.get("text")}
    if outcome.get("cut"):
        head["text_truncated"] = True
    if results is not None and results.dropped:
        head["results_dropped"] = results.dropped
    head.update(error=err, execution_count=outcome["count"])
    if outcome.get("files"):
        head["files"] = [clean_text(path) for path in outcome["files"]]
    if outcome.get("engine"):
        head["engine"] = outcome["engine"]
    items = results.items if results is not None else ()
    return '%s,"results":[%s]}' % (encode(head)[:-1], ",".join(items))


def answer(interpreter, line):
    request = {}
    try:
        decoded = decode(line.decode())
        decoded = decoded if isinstance(decoded, dict) else {}
        wrong = bad_request(decoded)
        known = ((key, decoded.get(key)) for key in ("id", "token"))
        request = {key: value for key, value in known if type(value) in (int, str)}
        if wrong:
            return response(request, failed("BadRequest", wrong))
    except (ValueError, RecursionError):
        return response(request, failed("BadRequest", "the line is not JSON"))
    try:
        return response(request, interpreter.cell(
            decoded["code"], decoded.get("cwd"), decoded.get("env")))
    except BaseException as exc:
        wrong = "the runner failed: " + type(exc).__name__
        return response(request, failed("InternalError", wrong, interpreter.count))


def serve(interpreter, wire):
    while True:
        try:
            line = wire.read(interpreter.idle)
        except TooLong:
            wire.write(response({}, failed("RequestTooLarge", "a request line may have 8 MiB")))
            continue
        except BaseException as exc:
            if getpid() != interpreter.pid:
                interpreter.forked(exc)
            if issubclass(type(exc), OSError) and exc.errno is not None:
                return
            report(exc)
            continue
        if getpid() != interpreter.pid:
            interpreter.forked(None)
        if line is None:
            return
        if line.strip():
            wire.write(answer(interpreter, line))


def finish(interpreter):
    """Exit handlers, but neither threads nor handlers that hang may keep the process."""
    try:
        _signal.signal(_signal.SIGALRM, lambda *_: os._exit(0))
        _signal.setitimer(_signal.ITIMER_REAL, 2)
        __import__("atexit")._run_exitfuncs()
        interpreter.flush()
    finally:
        os._exit(0)


def add_user_site():
    """Where pip --user installs, also while there is nothing yet: not in front of the standard."""
    if USER_SITE in sys.path:
        return
    ends = ("site-packages", "dist-packages")
    at = (i for i, path in enumerate(sys.path) if path.endswith(ends))
    sys.path.insert(next(at, len(sys.path)), USER_SITE)


def main():
    wire = Wire(int(sys.argv[-2]), int(sys.argv[-1]))
    here = os.path.dirname(os.path.abspath(GLOBALS.get("__file__") or "/"))
    if sys.path and sys.path[0] in (here, ""):
        sys.path[0] = ""
    else:
        sys.path.insert(0, "")
    add_user_site()
    sys.argv = [""]
    interpreter = Interpreter()

    def in_child():
        wire.close()
        for fd in interpreter.keep:
            try:
                os.close(fd)
            except OSError:
                pass

    os.register_at_fork(after_in_child=in_child)
    version = sys.version.split()[0]
    wire.write(encode({"hello": 1, "language": "python", "version": version, "engine": "plain"}))
    try:
        serve(interpreter, wire)
    except BrokenPipeError:
        pass
    finish(interpreter)


if __name__ == "__main__":
    main()
