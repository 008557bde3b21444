"""What a viewer watched on: `parse_device` turns a user agent into a `Device`."""

from transform.devices.device import AGENT_LIMIT, DEVICE_TYPES, Device, parse_device

__all__ = ["AGENT_LIMIT", "DEVICE_TYPES", "Device", "parse_device"]
