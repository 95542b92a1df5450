import { invalidArgument } from '@gantry/rpc';

/** One step of a symbolic mode (packages/native/tree/copy.h). */
export interface ModeChange {
  readonly command: '+' | '-' | 'X' | 'u' | 'g' | 'o';
  /** For u g o: 1 clears, 2 sets, 4 group, 8 others, 16 user. */
  readonly where: number;
  readonly bits: number;
}

const ALL = 0o6777;
const STICKY = 0o1000;
const who = { a: ALL, u: 0o4700, g: 0o2070, o: 0o007 } as const;
const letters = { r: 0o444, w: 0o222, x: 0o111 } as const;
type Operator = '+' | '-' | '=';

/** A mode as chmod(1) takes it, octal (`0755`) or symbolic (`u=rwX,go-w`), as steps. */
export function parseMode(text: string): readonly ModeChange[] {
  const wrong = (): Error => invalidArgument(`invalid mode ${JSON.stringify(text)}: invalid syntax`);
  if (/^[0-9]/.test(text)) {
    const value = /^[0-7]{1,5}$/.test(text) ? parseInt(text, 8) : NaN;
    if (!(value <= 0o7777)) throw wrong();
    return [
      { command: '-', where: 0, bits: ALL | STICKY },
      { command: '+', where: 0, bits: value },
    ];
  }
  return text.split(',').flatMap((clause) => parseClause(clause, wrong));
}

function parseClause(clause: string, wrong: () => Error): ModeChange[] {
  const parts = /^([augo]*)((?:[-+=][rwxXstugo]*)+)$/.exec(clause);
  if (parts === null) throw wrong();
  let bits = 0;
  for (const letter of parts[1] ?? '') bits |= who[letter as keyof typeof who];
  return [...(parts[2] ?? '').matchAll(/([-+=])([rwxXstugo]*)/g)].flatMap(([, operator, permissions = '']) =>
    parseAction(bits, operator as Operator, permissions),
  );
}

/** who 0: nobody is named, which means all. */
function parseAction(named: number, operator: Operator, permissions: string): ModeChange[] {
  const out: ModeChange[] = [];
  const special = named === 0 || (named & ~0o007) !== 0;
  let target = named;
  let [bits, conditional] = [0, 0];
  let cleared = operator !== '=';
  const flush = (last: boolean): void => {
    const of = target === 0 ? 0o7777 : target;
    if (bits !== 0 || (last && !cleared)) {
      if (operator === '=') out.push({ command: '-', where: 0, bits: target === 0 ? ALL : target });
      cleared = true;
      out.push({ command: operator === '-' ? '-' : '+', where: 0, bits: bits & of });
      bits = 0;
    }
    if (conditional !== 0) out.push({ command: 'X', where: 0, bits: conditional & of });
    conditional = 0;
  };
  for (const letter of permissions) {
    if (letter === 's') bits |= special ? 0o6000 : 0;
    else if (letter === 't') {
      if (!special) continue;
      if (target !== 0) target |= STICKY;
      bits |= STICKY;
    } else if (letter === 'X') {
      if (operator === '-') bits |= 0o111;
      else conditional = 0o111;
    } else if (letter === 'u' || letter === 'g' || letter === 'o') {
      flush(false);
      cleared = true;
      const classes = named === 0 ? 0o777 : named;
      const where = (classes & 0o400 ? 16 : 0) | (classes & 0o040 ? 4 : 0) | (classes & 0o004 ? 8 : 0);
      out.push({ command: letter, where: where | (operator === '+' ? 2 : operator === '-' ? 1 : 3), bits: 0o7777 });
    } else bits |= letters[letter as keyof typeof letters];
  }
  flush(true);
  return out;
}
