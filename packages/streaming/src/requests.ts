import type { AttachRequest, ExecRequest, PortForwardRequest } from './runtime';

export type CommandRequest = ({ readonly verb: 'exec' } & ExecRequest) | ({ readonly verb: 'attach' } & AttachRequest);
export type ForwardRequest = { readonly verb: 'portforward' } & PortForwardRequest;

/** What waits behind a token; its verb is the first part of the address's path. */
export type StreamingRequest = CommandRequest | ForwardRequest;
export type Verb = StreamingRequest['verb'];
