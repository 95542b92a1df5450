import type { Auth } from '@gantry/api/gantry/images/v1/images';
import { errorText, internal, invalidArgument, isErrorOf, type Logger, unavailable } from '@gantry/rpc';
import { basic, credentialsOf } from './credentials';
import type { Endpoint } from './endpoints';
import { type HttpClient, readBody } from './http';

export interface SearchOptions {
  readonly term: string;
  /** 0: the registry's default. */
  readonly limit: number;
  readonly auth: Auth | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly starCount: number;
  readonly official: boolean;
  readonly automated: boolean;
}

interface Needs {
  readonly http: HttpClient;
  readonly endpoints: (domain: string) => Promise<Endpoint[]>;
  readonly logger: Logger;
}

/** Docker Hub answers searches at a host of its own. */
const HUB = 'index.docker.io';
const DEFAULT_LIMIT = 25;
const MOST = 100;
const ANSWER_LIMIT = 8 << 20;

/** The old index (`/v1/search`), as dockerd asks it. A registry without one is an error that names its answer. */
export async function search({ http, endpoints, logger }: Needs, { term, limit, auth, signal }: SearchOptions): Promise<SearchResult[]> {
  if (term.includes('://')) throw invalidArgument('invalid repository name: repository name (' + term + ') should not have a scheme');
  if (limit < 0 || limit > MOST) throw invalidArgument(`limit ${limit} is outside the range of [1, ${MOST}]`);
  const slash = term.indexOf('/');
  const head = slash < 0 ? '' : term.slice(0, slash);
  const named = /[.:]/.test(head) || head === 'localhost';
  const domain = named ? head : HUB;
  const query = named ? term.slice(slash + 1) : term.replace(/^library\//, '');
  let failure: unknown = unavailable(`no host answers searches for ${domain}`);
  for (const endpoint of (await endpoints(domain)).filter(({ mirror }) => !mirror)) {
    const url = new URL('/v1/search', endpoint.base);
    url.searchParams.set('q', query);
    url.searchParams.set('n', String(limit === 0 ? DEFAULT_LIMIT : limit));
    const credentials = credentialsOf(auth);
    const headers = {
      Accept: 'application/json',
      ...endpoint.headers,
      ...(credentials === undefined || credentials.username === ''
        ? {}
        : { Authorization: basic(credentials.username, credentials.password) }),
    };
    try {
      const response = await http.send({ method: 'GET', url, headers, signal, transport: endpoint.transport });
      const text = (await readBody(response, ANSWER_LIMIT, `search answer of ${domain}`)).toString();
      if (response.status !== 200) throw internal(`Unexpected status code ${response.status}`);
      return resultsOf(text, domain);
    } catch (error) {
      if (!isErrorOf(error, 'unavailable')) throw error;
      failure = error;
      logger.debug({ endpoint: endpoint.base.origin, why: errorText(error) }, 'search is not answered here');
    }
  }
  throw failure;
}

function resultsOf(text: string, domain: string): SearchResult[] {
  let json: { results?: unknown };
  try {
    json = JSON.parse(text) as typeof json;
  } catch (cause) {
    throw internal(`search answer of ${domain} is not JSON`, { cause });
  }
  const results = Array.isArray(json.results) ? (json.results as (Record<string, unknown> | null)[]) : [];
  return results.flatMap((result) => {
    const name = typeof result?.['name'] === 'string' ? result['name'] : '';
    if (name === '') return [];
    const stars = Number(result?.['star_count'] ?? 0);
    return [
      {
        name,
        description: typeof result?.['description'] === 'string' ? result['description'] : '',
        starCount: Number.isSafeInteger(stars) ? stars : 0,
        official: result?.['is_official'] === true,
        automated: result?.['is_automated'] === true,
      },
    ];
  });
}
