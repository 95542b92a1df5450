/** What each sequence of strftime matches, as dockerd has it: a comma within a class is one that it takes, too. */
const SEQUENCES: Readonly<Record<string, string>> = {
  a: '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)',
  A: '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)',
  b: '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)',
  B: '(?:January|February|March|April|May|June|July|August|September|October|November|December)',
  d: '(?:0[1-9]|[1,2][0-9]|3[0,1])',
  f: '[0-9]{6}',
  H: '(?:[0,1][0-9]|2[0-3])',
  I: '(?:0[0-9]|1[0-2])',
  j: '(?:0[0-9][1-9]|[1,2][0-9][0-9]|3[0-5][0-9]|36[0-6])',
  L: '[.][0-9]{3}',
  m: '(?:0[1-9]|1[0-2])',
  M: '[0-5][0-9]',
  p: '[A,P]M',
  S: '[0-5][0-9]',
  w: '[0-6]',
  y: '[0-9]{2}',
  Y: '[0-9]{4}',
  z: '[+-][0-9]{4}',
  Z: '[A-Z]{1,4}T',
};

/** A format of times as a regular expression; a sequence that is unknown stands for nothing, and the rest for itself. */
export const datetimePattern = (format: string): string => format.replace(/%./g, (sequence) => SEQUENCES[sequence.slice(1)] ?? '');
