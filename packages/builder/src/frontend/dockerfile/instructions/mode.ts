import { invalidArgument } from '@gantry/rpc';

const CLAUSE = /^[ugoa]*(?:[-+=][rwxXstugo]*)+$/;

/** Permissions as chmod takes them: octal, or symbolic such as `u=rwX,go=rX`. */
export function modeOf(text: string): number | string {
  const octal = (): Error => invalidArgument(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
  if (/^[0-7]+$/.test(text)) {
    const mode = parseInt(text, 8);
    if (mode > 0o7777) throw octal();
    return mode;
  }
  if (/^[0-9]/.test(text)) throw octal();
  if (text.split(',').every((clause) => CLAUSE.test(clause))) return text;
  throw invalidArgument('invalid syntax');
}
