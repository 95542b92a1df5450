export { recordingSyscalls } from './recording-syscalls';
