import { type ErrorKind, GantryError } from '@gantry/rpc';
import { readBody, type Response } from './http';

interface RegistryError {
  readonly code: string;
  readonly message: string;
}

/** A registry's refusal in the words docker prints: `manifest unknown: manifest unknown`. The body is read. */
export async function refusal(response: Response, what: string): Promise<GantryError> {
  const text = (await readBody(response, 64 << 10, `answer to ${what}`).catch(() => Buffer.alloc(0))).toString();
  const errors = parse(text);
  const words = errors.map(({ code, message }) => `${code.toLowerCase().replaceAll('_', ' ')}: ${message}`);
  const kind = kindOf(response.status, errors);
  const message = words.length > 0 ? words.join('\n') : `${what}: registry answered ${response.status}`;
  return new GantryError(kind, message, { meta: { status: response.status } });
}

function kindOf(status: number, errors: readonly RegistryError[]): ErrorKind {
  if (status === 401) return 'unauthorized';
  if (status === 403 || errors.some(({ code }) => code === 'DENIED')) return 'forbidden';
  if (status === 404) return 'notFound';
  if (status === 429) return 'resourceExhausted';
  return status >= 500 ? 'unavailable' : 'unknown';
}

function parse(text: string): RegistryError[] {
  try {
    const { errors } = JSON.parse(text) as { errors?: unknown };
    return Array.isArray(errors)
      ? errors.map((error: Partial<RegistryError> | null) => ({
          code: String(error?.code ?? 'unknown'),
          message: String(error?.message ?? ''),
        }))
      : [];
  } catch {
    return [];
  }
}
