import { callApi, type Engine } from '../harness';
import { tarOf } from './tar-of';

/** What a build of the classic builder told over `POST /build`. */
export interface ApiBuild {
  readonly status: number;
  /** All that it told, as text. */
  readonly told: string;
  /** Why it failed; empty when it did not. */
  readonly error: string;
}

/** Builds without a client, the whole context in one tar: many at once, or many in a row. */
export async function buildByApi(
  engine: Engine,
  dockerfile: string,
  { query = {}, files = {} }: { readonly query?: Readonly<Record<string, string>>; readonly files?: Readonly<Record<string, string>> } = {},
): Promise<ApiBuild> {
  const context = await tarOf({ ...files, Dockerfile: dockerfile });
  const { status, body, message } = await callApi(
    engine,
    'POST',
    `/build?${new URLSearchParams({ rm: '1', ...query }).toString()}`,
    context,
  );
  const lines = body
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { stream?: string; error?: string });
  return {
    status,
    told: lines.map(({ stream = '' }) => stream).join(''),
    error: lines.find(({ error }) => error !== undefined)?.error ?? message,
  };
}
