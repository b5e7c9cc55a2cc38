/** @smarter-metering/meter: the smart meter, as an agent with a journal, and fleets of them. */
export { MeterError, type MeterErrorCode } from "./error.ts";
export {
  startFleet,
  type Fleet,
  type FleetConfig,
  type FleetMember,
  type FleetPorts,
} from "./fleet.ts";
export type { MeterStatus, SendReport } from "./fleet-report.ts";
export { httpUplink, type HttpUplinkOptions } from "./http-uplink.ts";
export { mqttUplink, type MqttUplinkOptions } from "./mqtt-uplink.ts";
export { parseProvisioning, type Provisioning, type ProvisioningDocument } from "./provisioning.ts";
export { SEND_WINDOWS, type SendWindows } from "./send-window.ts";
export { seriesSource } from "./series-source.ts";
export type { MeterSource, Readings } from "./source.ts";
export type { FindingCode } from "./validated-source.ts";
export type { Uplink, UplinkAnswer, UplinkEntry, UplinkVerdict } from "./uplink.ts";
