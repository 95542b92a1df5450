import { invalidArgument } from '@gantry/rpc/errors';

/** The fields of one line of CSV: `a,"b,""c"""`; an empty one is refused. Errors: invalidArgument. */
export function csvFields(text: string): string[] {
  const fields: string[] = [];
  const line = text.replace(/\r?\n$/, '');
  if (line === '') throw invalidArgument('EOF');
  for (let at = 0; ; at++) {
    if (line[at] === '"') {
      let field = '';
      const start = at + 1;
      for (at++; ; at++) {
        const end = line.indexOf('"', at);
        if (end < 0) throw invalidArgument(`parse error on line 1, column ${start + 1}: extraneous or missing " in quoted-field`);
        field += line.slice(at, end);
        at = end + 1;
        if (line[at] !== '"') break;
        field += '"';
      }
      if (at < line.length && line[at] !== ',')
        throw invalidArgument(`parse error on line 1, column ${at}: extraneous or missing " in quoted-field`);
      fields.push(field);
    } else {
      const comma = line.indexOf(',', at);
      const field = line.slice(at, comma < 0 ? undefined : comma);
      const quote = field.indexOf('"');
      if (quote >= 0) throw invalidArgument(`parse error on line 1, column ${at + quote + 1}: bare " in non-quoted-field`);
      fields.push(field);
      at += field.length;
    }
    if (at >= line.length) return fields;
  }
}
