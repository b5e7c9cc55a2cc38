/** Failures of the device itself, besides those of the packages that it is made of. */
export type DeviceErrorCode =
  /** Asked for something that needs a session. */
  | "DEVICE_CLOSED"
  /** The recovery key that was typed back is another one than was shown. */
  | "DRILL_DIFFERS"
  /** The network number of the letter has another form. */
  | "NETWORK_NUMBER_INVALID"
  /** There is no statement for the window. */
  | "BILL_UNKNOWN"
  /** No reading in the range. */
  | "RANGE_EMPTY"
  /** No tariff is known with which a cost could be told. */
  | "TARIFF_UNKNOWN"
  /** A part of the worker did not come, or was not what was built. */
  | "DEVICE_PART_REFUSED";

export class DeviceError extends Error {
  override readonly name = "DeviceError";
  readonly code: DeviceErrorCode;

  constructor(code: DeviceErrorCode) {
    super(code);
    this.code = code;
  }
}
