import { type CallContext, invalidArgument } from '@gantry/rpc';
import type { SessionAbout } from './open';

/** The headers by which a client says who it is; the same on a hijacked HTTP request and as metadata of a call. */
export const SESSION_HEADERS = {
  id: 'x-docker-expose-session-uuid',
  name: 'x-docker-expose-session-name',
  sharedKey: 'x-docker-expose-session-sharedkey',
  methods: 'x-docker-expose-session-grpc-method',
} as const;

/** What the metadata of a call says of its session. */
export function sessionAbout({ sent }: Pick<CallContext, 'sent'>): SessionAbout {
  const values = (key: string): readonly string[] => sent?.(key) ?? [];
  const id = values(SESSION_HEADERS.id)[0] ?? '';
  if (id === '') throw invalidArgument(`a session needs the header ${SESSION_HEADERS.id}`);
  return {
    id,
    name: values(SESSION_HEADERS.name)[0] ?? '',
    sharedKey: values(SESSION_HEADERS.sharedKey)[0] ?? '',
    // Node joins headers of one name; a method's name has no comma
    methods: values(SESSION_HEADERS.methods).flatMap((value) => value.split(',').map((method) => method.trim())),
  };
}
