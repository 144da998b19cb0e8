// On an element, (ask): whether its page takes part in HTML5 drag and drop.
function (ask) {
    const key = Symbol.for('sandbox-mcp drag');
    const watch = globalThis[key] ||= { began: '', dropped: false };
    const answers = {
        begin: () => {
            watch.began = '';
            watch.start = e => {
                watch.began = 'begun';
                setTimeout(() => { watch.began = e.defaultPrevented ? 'refused' : 'begun'; });
            };
            addEventListener('dragstart', watch.start, { capture: true, once: true });
            return true;
        },
        began: () => new Promise(done => setTimeout(() => {
            removeEventListener('dragstart', watch.start, { capture: true });
            done(watch.began);
        })),
        await: () => {
            watch.dropped = false;
            watch.drop = () => { watch.dropped = true; };
            addEventListener('drop', watch.drop, { capture: true, once: true });
            return true;
        },
        dropped: () => {
            removeEventListener('drop', watch.drop, { capture: true });
            return watch.dropped;
        },
    };
    return answers[ask]();
}
