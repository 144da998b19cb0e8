// On an element, (ask, values): what input_select() and input_check() have to know and set.
function (ask, values) {
    const norm = s => String(s ?? '').replace(/\s+/g, ' ').trim();
    const LISTED = 20, LONG = 80;
    const self = this.nodeType === 1 ? this : this.parentElement;
    const attr = (e, name) => e.getAttribute(name);
    const role = e => norm(attr(e, 'role')).split(' ')[0];
    const shown = e => {
        const r = e.getBoundingClientRect();
        return r.width > 3 && r.height > 3 && getComputedStyle(e).visibility === 'visible';
    };
    const off = e => e.matches(':disabled') || !!e.closest('[aria-disabled="true"]');
    const label = e => norm(attr(e, 'aria-label') || e.label || e.innerText || e.textContent);
    const cut = s => (s.length > LONG ? s.slice(0, LONG) + '...' : s);
    const list = all => all.slice(0, LISTED).map(o => cut(label(o)));
    const model = globalThis[Symbol.for('sandbox-mcp')];
    const caption = e => norm([...e.labels?.[0]?.childNodes ?? []].map(n => n.data || '').join(' '));
    const named = () => {
        if (model && model.label)
            return model.label(self);
        const said = cut(caption(self) || label(self));
        return '<' + self.localName + '>' + (said ? ' "' + said + '"' : '');
    };

    // ---- which element is meant ----

    const inside = (test, query) => {
        const owned = self.localName === 'label' && self.control;
        if (owned && test(owned))
            return owned;
        if (test(self))
            return self;
        const all = [...self.querySelectorAll(query)].filter(test);
        return all.length === 1 ? all[0] : null;
    };

    // ---- options ----

    const POPUPS = /^(listbox|menu|true|tree|grid)$/;
    const isCombo = e => role(e) === 'combobox' || POPUPS.test(attr(e, 'aria-haspopup') || '');
    const isList = e => role(e) === 'listbox';
    const choice = () => self.closest('select')
        || inside(e => e.localName === 'select', 'select')
        || inside(e => isCombo(e) || isList(e), '[role=combobox],[role=listbox],[aria-haspopup]');
    const OPTION = '[role=option],[role=menuitemradio],[role=menuitemcheckbox],[role=menuitem],' +
        '[role=treeitem]';
    const roots = () => {
        const all = [document];
        for (let r = self.getRootNode(); r !== document && r.host; r = r.host.getRootNode())
            all.push(r);
        return all;
    };
    const popup = e => {
        for (const name of ['aria-controls', 'aria-owns'])
            for (const id of norm(attr(e, name)).split(' '))
                for (const root of roots()) {
                    const found = id && root.getElementById(id);
                    if (found)
                        return found;
                }
        const all = roots().flatMap(r => [...r.querySelectorAll('[role=listbox],[role=menu]')]);
        return e.querySelector('[role=listbox]') || all.filter(shown).pop() || null;
    };
    const choices = e => {
        const box = isList(e) ? e : popup(e);
        return box ? [...box.querySelectorAll(OPTION)].filter(shown) : [];
    };
    const several = e => {
        const box = isList(e) ? e : popup(e);
        return [e, box].some(x => x && attr(x, 'aria-multiselectable') === 'true');
    };
    const value = o => attr(o, 'data-value') ?? attr(o, 'value') ?? (o.value ?? '') + '';
    const find = (all, want) => {
        const text = norm(want), low = text.toLowerCase();
        const tests = [
            o => label(o) === text, o => norm(o.textContent) === text, o => value(o) === want,
            o => label(o).toLowerCase() === low,
            (o, i) => /^\d+$/.test(want) && i === +want,
        ];
        for (const test of tests) {
            const found = all.filter(test);
            if (found.length)
                return found.find(o => !off(o)) || found[0];
        }
        return null;
    };

    const native = (e, wanted) => {
        const all = [...e.options], set = [];
        for (const want of wanted) {
            const o = find(all, want);
            if (!o)
                return { missing: want, options: list(all), total: all.length };
            if (o.disabled || o.parentElement.localName === 'optgroup' && o.parentElement.disabled)
                return { off: want };
            set.push(o);
        }
        e.focus({ preventScroll: false });
        const changed = all.filter(o => o.selected !== set.includes(o));
        if (e.multiple)
            for (const o of all)
                o.selected = set.includes(o);
        else
            set[0].selected = true;
        if (changed.length) {
            e.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
            e.dispatchEvent(new Event('change', { bubbles: true }));
        }
        return { selected: [...e.selectedOptions].map(o => cut(label(o))) };
    };

    // ---- states ----

    const TOGGLE = /^(checkbox|radio|switch|menuitemcheckbox|menuitemradio)$/;
    const isToggle = e => e.localName === 'input' && /^(checkbox|radio)$/.test(e.type)
        || TOGGLE.test(role(e)) || e.hasAttribute('aria-checked') || e.hasAttribute('aria-pressed');
    const toggle = () => inside(isToggle, 'input,[role],[aria-checked],[aria-pressed]');
    const state = e => {
        if (e.localName === 'input' && /^(checkbox|radio)$/.test(e.type))
            return e.indeterminate ? 'mixed' : String(e.checked);
        return attr(e, 'aria-checked') ?? attr(e, 'aria-pressed') ?? 'false';
    };

    const answers = {
        choice: () => {
            const e = choice();
            if (!e)
                return { name: named() };
            const plain = e.localName === 'select';
            return {
                kind: plain ? 'select' : isList(e) ? 'listbox' : 'combobox', name: named(),
                several: plain ? e.multiple : several(e), off: off(e),
                types: !plain && (/^(input|textarea)$/.test(e.localName) || e.isContentEditable),
                open: !plain && choices(e).length > 0,
            };
        },
        set: () => native(choice(), values),
        choices: () => {
            const all = choices(choice());
            const found = values.map(v => find(all, v));
            const miss = found.indexOf(null);
            return {
                missing: miss < 0 ? null : values[miss], options: list(all), total: all.length,
                off: found[0] && off(found[0]) ? values[0] : null,
                selected: found.map(o => !!o && attr(o, 'aria-selected') === 'true'),
                labels: found.map(o => o ? cut(label(o)) : ''),
                others: all.filter(o => attr(o, 'aria-selected') === 'true' && !found.includes(o))
                    .map(o => label(o)),
            };
        },
        option: () => find(choices(choice()), values[0]),
        opener: () => choice(),
        toggle: () => {
            const e = toggle();
            if (!e)
                return { name: named() };
            return {
                kind: e.type === 'radio' || /radio$/.test(role(e)) ? 'radio' : 'checkbox',
                name: named(), state: state(e), off: off(e),
            };
        },
        handle: () => {
            const e = toggle();
            return shown(e) ? e : [...e.labels || []].find(shown) || e.closest('label') || e;
        },
    };
    return answers[ask]();
}
