export type { StreamingOptions } from './server';
export { StreamingServer } from './server';
export type {
  AttachRequest,
  ExecRequest,
  PortForwardRequest,
  ProcessStreams,
  ProcessWishes,
  StreamingRuntime,
  TerminalSize,
} from './runtime';
