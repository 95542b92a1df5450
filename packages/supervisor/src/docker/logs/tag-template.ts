import { invalidArgument } from '@gantry/rpc';

type Value = string | number | readonly string[];
type Fields = Readonly<Record<string, Value>>;

const FUNCTIONS: Readonly<Record<string, (...args: Value[]) => Value>> = {
  json: (value) => JSON.stringify(value),
  lower: (value) => String(value).toLowerCase(),
  upper: (value) => String(value).toUpperCase(),
  title: (value) =>
    String(value).replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_whole, before: string, letter: string) => before + letter.toUpperCase()),
  split: (value, by) => String(value).split(String(by)),
  join: (value, by) => (Array.isArray(value) ? value : [String(value)]).join(String(by)),
  pad: (value, before, behind) => (value === '' ? '' : `${' '.repeat(Number(before))}${String(value)}${' '.repeat(Number(behind))}`),
  truncate: (value, length) => Buffer.from(String(value)).subarray(0, Number(length)).toString(),
  index: (value, at) => (Array.isArray(value) ? (value[Number(at)] ?? '') : String(value)),
};

/** A tag's template (`{{.Name}}/{{.ID}}`): fields, docker's functions and pipes of them. Throws invalidArgument in Go's words. */
export function renderTag(template: string, fields: Fields): string {
  let output = '';
  let rest = template;
  for (let open = rest.indexOf('{{'); open >= 0; open = rest.indexOf('{{')) {
    const close = rest.indexOf('}}', open);
    if (close < 0) throw failed('unclosed action');
    let action = rest.slice(open + 2, close);
    let before = rest.slice(0, open);
    rest = rest.slice(close + 2);
    if (/^-\s/.test(action)) [action, before] = [action.slice(1), before.trimEnd()];
    if (/\s-$/.test(action)) [action, rest] = [action.slice(0, -1), rest.trimStart()];
    output += before + (/^\s*\/\*.*\*\/\s*$/s.test(action) ? '' : show(pipeline(action, fields)));
  }
  return output + rest;
}

const show = (value: Value): string => (Array.isArray(value) ? `[${value.join(' ')}]` : String(value));

function pipeline(action: string, fields: Fields): Value {
  const tokens = action.match(/"(?:[^"\\]|\\.)*"|`[^`]*`|\||[^\s|"`]+/g) ?? [];
  if (tokens.length === 0) throw failed('missing value for command');
  let value: Value | undefined;
  for (const command of split(tokens)) {
    const [head = '', ...args] = command;
    const values = [...args.map((arg) => operand(arg, fields)), ...(value === undefined ? [] : [value])];
    if (/^[a-z]\w*$/i.test(head)) {
      const call = FUNCTIONS[head];
      if (call === undefined) throw failed(`function ${JSON.stringify(head)} not defined`);
      value = call(...values);
    } else if (values.length > 0) throw failed(`executing "log-tag" at <${head}>: can't give argument to non-function ${head}`);
    else value = operand(head, fields);
  }
  return value ?? '';
}

function split(tokens: readonly string[]): string[][] {
  const commands: string[][] = [[]];
  for (const token of tokens) {
    if (token === '|') commands.push([]);
    else commands.at(-1)?.push(token);
  }
  if (commands.some((command) => command.length === 0)) throw failed('missing value for command');
  return commands;
}

function operand(token: string, fields: Fields): Value {
  if (token.startsWith('"')) return JSON.parse(token) as string;
  if (token.startsWith('`')) return token.slice(1, -1);
  if (/^-?[0-9]+$/.test(token)) return Number(token);
  const name = /^\.(\w+)$/.exec(token)?.[1];
  if (name === undefined) throw failed(`unexpected ${JSON.stringify(token)} in operand`);
  const value = fields[name];
  if (value === undefined)
    throw invalidArgument(`template: log-tag:1:2: executing "log-tag" at <.${name}>: can't evaluate field ${name} in type *logger.Info`);
  return value;
}

const failed = (why: string): Error => invalidArgument(`template: log-tag:1: ${why}`);
