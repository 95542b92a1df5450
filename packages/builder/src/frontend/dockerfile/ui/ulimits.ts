import type { Ulimit } from '@gantry/api/pb/ops';
import { csvFields, quoted } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';
import { checkUlimit, ULIMIT_NAMES } from '@gantry/spec';

/** `nofile=1024:2048,core=-1`. */
export function parseUlimits(text: string): Ulimit[] {
  if (text === '') return [];
  return csvFields(text).map((field) => {
    const equals = field.indexOf('=');
    if (equals < 0) throw invalidArgument(`invalid ulimit argument: ${field}`);
    const name = field.slice(0, equals);
    const values = field.slice(equals + 1);
    if (!ULIMIT_NAMES.has(name)) throw invalidArgument(`invalid ulimit type: ${name}`);
    const [first = '', second, ...more] = values.split(':');
    if (more.length > 0) throw invalidArgument(`too many limit value arguments - ${values}, can only have up to two, \`soft[:hard]\``);
    const soft = number(first);
    const hard = second === undefined ? soft : number(second);
    checkUlimit(soft, hard);
    return { Name: name, Soft: soft, Hard: hard };
  });
}

function number(text: string): bigint {
  if (!/^[+-]?\d{1,18}$/.test(text)) throw invalidArgument(`strconv.ParseInt: parsing ${quoted(text)}: invalid syntax`);
  return BigInt(text.replace(/^\+/, ''));
}
