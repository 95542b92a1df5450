import { formatAddress } from '../address/cidr';
import type { Answer, Question } from './message';
import { RCODE, readQuery, truncated, writeAnswer, writeError } from './message';
import type { NameSource } from './names';
import { addressOfReverseName, addressesOf, isCutOff, nameOfAddress } from './names';
import type { Server, Upstream } from './upstream';
import { parseServer } from './upstream';

const TTL_SECONDS = 600;

export interface ResolverParts {
  readonly names: NameSource;
  readonly upstream: Pick<Upstream, 'ask'>;
  readonly hostServers: () => readonly Server[];
}

/** Answers one query of a sandbox; undefined when it deserves none. */
export async function resolve(parts: ResolverParts, sandboxId: string, query: Buffer, over: 'udp' | 'tcp'): Promise<Buffer | undefined> {
  const question = readQuery(query);
  if (question === undefined) return undefined;
  if ('rcode' in question) return writeError(question, question.rcode);
  const known = answerFromNames(parts.names, sandboxId, question);
  if (known !== undefined) {
    const answer = writeAnswer(question, known);
    return over === 'udp' && answer.length > question.udpLimit ? truncated(question) : answer;
  }
  // Nothing may leak out of a network without an outside.
  if (isCutOff(parts.names, sandboxId)) return writeError(question, RCODE.refused);
  const own = parts.names.endpointsOfSandbox(sandboxId).flatMap((endpoint) => endpoint.dnsServers);
  const servers = own.length > 0 ? [...new Set(own)].map(parseServer) : parts.hostServers();
  return (await parts.upstream.ask(query, servers, over)) ?? writeError(question, RCODE.serverFailure);
}

/** The records that our own names give; an empty list when the name is ours but has none of the type. */
function answerFromNames(names: NameSource, sandboxId: string, question: Question): Answer[] | undefined {
  const reversed = question.type === 'PTR' ? addressOfReverseName(question.name) : undefined;
  if (reversed !== undefined) {
    const name = nameOfAddress(names, sandboxId, reversed);
    return name === undefined ? undefined : [{ type: 'PTR', ttl: TTL_SECONDS, data: name }];
  }
  const addresses = addressesOf(names, sandboxId, question.name);
  if (addresses === undefined) return undefined;
  const records = addresses.map((address) => ({
    type: address.family === 4 ? ('A' as const) : ('AAAA' as const),
    ttl: TTL_SECONDS,
    data: formatAddress(address),
  }));
  return shuffled(records.filter(({ type }) => type === question.type || question.type === 'ANY'));
}

/** Several containers behind one alias share the load. */
function shuffled<T>(list: readonly T[]): T[] {
  const start = list.length < 2 ? 0 : Math.floor(Math.random() * list.length);
  return [...list.slice(start), ...list.slice(0, start)];
}
