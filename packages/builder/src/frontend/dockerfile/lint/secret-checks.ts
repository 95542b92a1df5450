import { type Lines, quoted } from '@gantry/dockerfile';
import type { Linter } from './linter';

const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const PUBLIC = /(?:_|^)public(?:_|$)/i;

/** What looks like a secret by its name does not belong into an image. */
export function checkSecretName(
  linter: Linter,
  { instruction, key, lines }: { readonly instruction: 'ARG' | 'ENV'; readonly key: string; readonly lines: Lines },
): void {
  if (!SECRET.test(key) || PUBLIC.test(key)) return;
  linter.report('SecretsUsedInArgOrEnv', lines, `Do not use ARG or ENV instructions for sensitive data (${instruction} ${quoted(key)})`);
}
