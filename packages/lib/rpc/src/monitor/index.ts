export { type Attached, attachMonitor, type MonitorWish } from './attach';
export { FrameReader, STDERR } from './frames';
