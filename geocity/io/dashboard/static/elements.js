// Making elements. Texts become text nodes, never markup: whatever a name holds, it stays a name.

const SVG = 'http://www.w3.org/2000/svg';

/** Give an element its properties and children; a key with a dash is an attribute. */
function dress(element, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes('-') || element.namespaceURI === SVG) {
      element.setAttribute(key, value);
    } else {
      element[key] = value;
    }
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function make(tag, properties = {}, ...children) {
  return dress(document.createElement(tag), properties, children);
}

function makeSvg(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

function byId(id) {
  return document.getElementById(id);
}

/** A labelled choice; `options` are [value, text]. */
function makeSelect(id, label, options, onChange) {
  const select = make('select', { id }, ...options.map(([value, text]) => make('option', { value }, text)));
  select.addEventListener('change', () => onChange(select.value));
  return { select, field: make('div', { className: 'field' }, make('label', { htmlFor: id }, label), select) };
}

function makeCheckbox(label, checked, onChange) {
  const box = make('input', { type: 'checkbox', checked });
  box.addEventListener('change', () => onChange(box.checked));
  return make('label', { className: 'check' }, box, label);
}

/** One choice of several, all to be seen; `options` are [value, text]. */
function makeRadios(name, legend, options, value, onChange) {
  const buttons = options.map(([key, text]) => {
    const radio = make('input', { type: 'radio', name, value: key, checked: key === value });
    radio.addEventListener('change', () => onChange(key));
    return make('label', { className: 'choice' }, radio, make('span', {}, text));
  });
  return make('fieldset', { className: 'choices' }, make('legend', {}, legend), ...buttons);
}

function makeButton(text, onClick, properties = {}) {
  const button = make('button', { type: 'button', ...properties }, text);
  button.addEventListener('click', onClick);
  return button;
}
