import type { Duplex, Readable, Writable } from 'node:stream';

/** Columns and rows, as the client's terminal has them now. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** Which streams a client asked for. Whoever makes the request has checked that they go together (a tty has no stderr of its own). */
export interface ProcessWishes {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface ExecRequest extends ProcessWishes {
  readonly containerId: string;
  readonly command: readonly string[];
}

export interface AttachRequest extends ProcessWishes {
  readonly containerId: string;
}

export interface PortForwardRequest {
  readonly podSandboxId: string;
  /** Ports that may be asked for; empty: any. A client over WebSocket channels names none itself, so it needs some here. */
  readonly ports: readonly number[];
}

/** A client's ends of a process's streams; each is there when it was asked for. */
export interface ProcessStreams {
  /** Ends when the client closed it, or is gone. */
  readonly stdin?: Readable;
  /** Written with back-pressure. Fails once the client is gone, which says nothing about the process. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** The sizes of the terminal, the newest only where they come faster than they are taken; ends with the client. Nothing without a tty. */
  readonly resizes: AsyncIterable<TerminalSize>;
}

/**
 * What a streaming server needs of whoever runs containers. A method gets a signal that aborts when the client is gone or the server
 * closes; what that means for the process is the runtime's own (CRI: an exec goes on, an attach detaches). It settles when all output
 * was written: the server ends streams that are still open then.
 *
 * @example
 * const server = new StreamingServer({ runtime, logger });
 * await server.listen(); // 127.0.0.1, any port
 * server.exec({ containerId, command: ['sh'], tty: true, stdin: true, stdout: true, stderr: false }); // http://127.0.0.1:40311/exec/6Xb…
 */
export interface StreamingRuntime {
  /** Runs a command; its exit code. A rejection reaches the client as an internal error with this error's text. */
  exec(request: ExecRequest, streams: ProcessStreams, signal: AbortSignal): Promise<number>;
  /** Is connected to a container's first process until that ends, or the client goes. */
  attach(request: AttachRequest, streams: ProcessStreams, signal: AbortSignal): Promise<void>;
  /** Carries one connection to a port inside the pod, half-closes included, until both directions ended. A rejection's text reaches the client. */
  portForward(target: { readonly podSandboxId: string; readonly port: number }, connection: Duplex, signal: AbortSignal): Promise<void>;
}
