import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ApiVersion } from '@gantry/docker-api';
import type { CallContext } from '@gantry/rpc';
import type { EngineClients } from '../engine/engine';
import type { Query } from './query';

/** A connection whose client asked to leave HTTP (`Upgrade: tcp`): paused, its next bytes are the body's, then the stream's. */
export interface Upgrade {
  readonly socket: Socket;
}

/** One request and the way to answer it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly version: ApiVersion;
  /** Oldest version that the gateway lets in. */
  readonly oldest: string;
  /** Parts of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  /** Ends when the client goes away. */
  readonly ctx: CallContext;
  readonly upgrade?: Upgrade;
  /** What docker calls experimental is allowed. */
  readonly experimental?: boolean;
  /** Clients are told to build with BuildKit's protocol; absent: they are. */
  readonly buildkit?: boolean;
  /** Plugins that are asked of every request. */
  readonly authorization: readonly string[];
}

export type Handler = (x: Exchange, engine: EngineClients) => Promise<void>;

export interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Path template: `{name}` is one segment, `{name:.*}` any number of them (image names hold slashes). */
  readonly path: string;
  /** The operation's name in the API's documentation. */
  readonly operation: string;
  /** May leave HTTP for a raw stream. */
  readonly hijacks?: boolean;
  /** Media type of a refusal, which is then in plain words; absent: JSON. */
  readonly refusesAs?: string;
  /** What the supervisor is asked for leave for where the call came over a socket with a scope: of routes that ask another service. Others it sees itself. */
  readonly verb?: string;
  /** May come twice though it is no reading one: it changes nothing, or the second time what it changed the first. It reads no body. */
  readonly repeatable?: boolean;
  /** Only where the engine is told to be experimental. */
  readonly experimental?: boolean;
  /** Answers without the engine. */
  readonly offline?: boolean;
  readonly handle: Handler;
}
