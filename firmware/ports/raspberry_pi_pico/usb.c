/* The line as a serial port on the USB cable: full speed, class CDC ACM, which every system has a
 * driver for. RP2040 data sheet 4.1; USB 2.0 chapter 9; CDC 1.2, PSTN subclass. */
#include "usb.h"

#include <string.h>

#include "board.h"
#include "rp2040.h"
#include "usb_descriptors.h"

#define SENDING 8192u /* powers of two */
#define RECEIVING 256u
/* A packet below the endpoint's 64 bytes ends a transfer: no packet of length 0 has to follow. */
#define LARGEST_SENT 63u

/* Bits of a buffer's control word. */
#define FULL (1u << 15)
#define DATA1 (1u << 13)
#define STALL (1u << 11)
#define AVAILABLE (1u << 10)
#define LENGTH 0x3ffu
/* Bits of an endpoint's control word. */
#define ENDPOINT_ENABLE (1u << 31)
#define ENDPOINT_INTERRUPT (1u << 29)
#define ENDPOINT_TYPE(type) ((uint32_t)(type) << 26)

enum { STANDARD = 0, CLASS = 1 };
enum {
    CLEAR_FEATURE = 1,
    SET_ADDRESS = 5,
    GET_DESCRIPTOR = 6,
    GET_CONFIGURATION = 8,
    SET_CONFIGURATION = 9,
    GET_STATUS = 0,
    SET_INTERFACE = 11,
    GET_INTERFACE = 10
};
enum {
    SET_LINE_CODING = 0x20,
    GET_LINE_CODING = 0x21,
    SET_CONTROL_LINE_STATE = 0x22,
    SEND_BREAK = 0x23
};

typedef struct {
    uint8_t type, request;
    uint16_t value, index, length;
} setup_packet;

static uint8_t sending[SENDING], receiving[RECEIVING];
/* Bytes up to `whole` are whole lines, and only these are sent. */
static volatile uint32_t sent, whole, written, received, read_out;
static volatile uint8_t is_configured, is_opened, is_suspended, is_sending;
static uint8_t is_skipping; /* the line being written found no room, or lost its beginning */
static uint32_t pid[3][2];  /* of an endpoint's next packet: DATA0 or DATA1; [1]: to the host */
static const uint8_t *answer;
static uint32_t answer_left;
static uint8_t new_address;
/* 115200, and nothing depends on it */
static uint8_t line_coding[7] = {0x00, 0xc2, 0x01, 0x00, 0, 0, 8};

static void give(uint32_t endpoint, uint32_t to_host, uint32_t control) {
    uint32_t register_at = USB_BUFFER_CONTROL(endpoint, to_host);
    control |= pid[endpoint][to_host];
    pid[endpoint][to_host] ^= DATA1;
    REG(register_at) = control;
    /* The controller runs on its own clock: it must see the rest before it sees that bit. */
    __asm volatile("nop\n nop\n nop\n nop\n nop\n nop" ::: "memory");
    REG(register_at) = control | AVAILABLE;
}

static uint8_t *buffer_of(uint32_t endpoint, uint32_t to_host) {
    return (uint8_t *)(uintptr_t)(USB_MEMORY + USB_BUFFER(endpoint, to_host));
}

static void send_packet(uint32_t endpoint, const uint8_t *bytes, uint32_t count) {
    uint8_t *buffer = buffer_of(endpoint, 1);
    for (uint32_t i = 0; i < count; i++) buffer[i] = bytes[i];
    give(endpoint, 1, FULL | count);
}

static void receive_packet(uint32_t endpoint) { give(endpoint, 0, USB_PACKET); }

/* ---- endpoint 0: what the host asks ---------------------------------------------------------- */

static void stall_control(void) {
    REG(USB_STALL_ARM) = 3;
    REG(USB_BUFFER_CONTROL(0u, 1u)) = STALL;
    REG(USB_BUFFER_CONTROL(0u, 0u)) = STALL;
}

static void acknowledge(void) {
    pid[0][1] = DATA1;
    send_packet(0, NULL, 0);
}

static void continue_answer(void) {
    uint32_t count = answer_left < USB_PACKET ? answer_left : USB_PACKET;
    send_packet(0, answer, count);
    answer += count;
    answer_left -= count;
}

static void send_answer(const setup_packet *setup, const void *bytes, uint32_t count) {
    answer = bytes;
    answer_left = count < setup->length ? count : setup->length;
    pid[0][1] = DATA1;
    continue_answer();
    pid[0][0] = DATA1; /* the host's acknowledgement, of length 0 */
    receive_packet(0);
}

static void send_descriptor(const setup_packet *setup) {
    uint32_t kind = setup->value >> 8, index = setup->value & 0xffu;
    if (kind == USB_DEVICE) send_answer(setup, usb_device, sizeof usb_device);
    else if (kind == USB_CONFIGURATION)
        send_answer(setup, usb_configuration, sizeof usb_configuration);
    else if (kind == USB_STRING && index < USB_STRINGS)
        send_answer(setup, usb_strings[index], usb_strings[index][0]);
    else stall_control();
}

/* What nobody reads any more; the rest of a line that is being written goes with it. */
static void forget(void) {
    is_skipping = is_skipping || written != whole;
    sent = whole = written;
}

static void start_endpoints(void) {
    is_sending = 0;
    forget();
    memset(pid, 0, sizeof pid);
    REG(USB_ENDPOINT_CONTROL(1u, 1u)) = ENDPOINT_ENABLE | ENDPOINT_INTERRUPT | ENDPOINT_TYPE(3) |
                                        USB_BUFFER(1u, 1u);
    REG(USB_ENDPOINT_CONTROL(2u, 0u)) = ENDPOINT_ENABLE | ENDPOINT_INTERRUPT | ENDPOINT_TYPE(2) |
                                        USB_BUFFER(2u, 0u);
    REG(USB_ENDPOINT_CONTROL(2u, 1u)) = ENDPOINT_ENABLE | ENDPOINT_INTERRUPT | ENDPOINT_TYPE(2) |
                                        USB_BUFFER(2u, 1u);
    receive_packet(2);
}

static void answer_standard(const setup_packet *setup) {
    static const uint8_t zeros[2];
    static uint8_t configuration;
    switch (setup->request) {
    case GET_DESCRIPTOR: send_descriptor(setup); return;
    case GET_STATUS: send_answer(setup, zeros, 2); return;
    case GET_INTERFACE: send_answer(setup, zeros, 1); return;
    case GET_CONFIGURATION:
        configuration = is_configured;
        send_answer(setup, &configuration, 1);
        return;
    case SET_ADDRESS:
        new_address = setup->value & 0x7f; /* counts once the host has the acknowledgement */
        acknowledge();
        return;
    case SET_CONFIGURATION:
        is_configured = setup->value == 1;
        is_opened = 0;
        if (is_configured) start_endpoints();
        acknowledge();
        return;
    /* a halt of an endpoint, none of which ever halts: its packets begin at DATA0 */
    case CLEAR_FEATURE:
        if ((setup->type & 0x1f) == 2 && (setup->index & 0x7f) == 2)
            pid[2][setup->index >> 7 & 1] = 0;
        acknowledge();
        return;
    case SET_INTERFACE: acknowledge(); return;
    default: stall_control();
    }
}

static void answer_class(const setup_packet *setup) {
    switch (setup->request) {
    case SET_LINE_CODING:
        pid[0][0] = DATA1;
        receive_packet(0);
        return;
    case GET_LINE_CODING: send_answer(setup, line_coding, sizeof line_coding); return;
    case SET_CONTROL_LINE_STATE:
        is_opened = setup->value & 1; /* data terminal ready: a program has the port open */
        if (!is_opened) forget();
        acknowledge();
        return;
    case SEND_BREAK: acknowledge(); return;
    default: stall_control();
    }
}

static setup_packet read_setup(void) {
    uint32_t low = REG(USB_MEMORY), high = REG(USB_MEMORY + 4u);
    setup_packet setup = {(uint8_t)low, (uint8_t)(low >> 8), (uint16_t)(low >> 16), (uint16_t)high,
                          (uint16_t)(high >> 16)};
    return setup;
}

static void answer_setup(void) {
    setup_packet setup = read_setup();
    uint32_t kind = setup.type >> 5 & 3;
    answer_left = 0;
    if (kind == STANDARD) answer_standard(&setup);
    else if (kind == CLASS) answer_class(&setup);
    else stall_control();
}

static void control_was_sent(void) {
    if (new_address) {
        REG(USB_ADDRESS) = new_address;
        new_address = 0;
    }
    if (answer_left) continue_answer();
}

static void control_was_received(void) {
    uint32_t count = REG(USB_BUFFER_CONTROL(0u, 0u)) & LENGTH;
    if (!count) return; /* the acknowledgement of what we sent */
    const uint8_t *bytes = buffer_of(0, 0);
    for (uint32_t i = 0; i < count && i < sizeof line_coding; i++) line_coding[i] = bytes[i];
    acknowledge();
}

/* ---- endpoint 2: the line -------------------------------------------------------------------- */

/* Called with interrupts off, or by the interrupt. */
static void send_next(void) {
    uint8_t packet[LARGEST_SENT];
    uint32_t count = 0;
    while (count < LARGEST_SENT && sent != whole) packet[count++] = sending[sent++ % SENDING];
    is_sending = count > 0;
    if (count) send_packet(2, packet, count);
}

static void was_received(void) {
    uint32_t count = REG(USB_BUFFER_CONTROL(2u, 0u)) & LENGTH;
    const uint8_t *bytes = buffer_of(2, 0);
    for (uint32_t i = 0; i < count; i++)
        if (received - read_out < RECEIVING) receiving[received++ % RECEIVING] = bytes[i];
    receive_packet(2);
}

void usb_interrupt(void) {
    uint32_t pending = REG(USB_INTERRUPT_STATUS);
    if (pending & USB_INTERRUPT_RESET) {
        REG(USB_SIE_STATUS) = USB_SIE_RESET;
        REG(USB_ADDRESS) = 0;
        is_configured = is_opened = is_suspended = new_address = 0;
    }
    if (pending &
        USB_INTERRUPT_SUSPEND) { /* the cable is out or the computer sleeps; or no longer */
        is_suspended = (REG(USB_SIE_STATUS) & USB_SIE_SUSPENDED) != 0;
        REG(USB_SIE_STATUS) = USB_SIE_SUSPENDED;
    }
    /* The program that had the port open still has it, and does not say so again. */
    if (pending & (USB_INTERRUPT_RESUME | USB_INTERRUPT_BUFFER | USB_INTERRUPT_SETUP)) {
        REG(USB_SIE_STATUS) = USB_SIE_RESUME;
        is_suspended = 0;
    }
    if (pending & USB_INTERRUPT_BUFFER) {
        uint32_t done = REG(USB_BUFFER_STATUS);
        REG(USB_BUFFER_STATUS) = done;
        if (done & 1u) control_was_sent();
        if (done & 2u) control_was_received();
        if (done & (1u << 4)) send_next();
        if (done & (1u << 5)) was_received();
    }
    if (pending & USB_INTERRUPT_SETUP) {
        REG(USB_SIE_STATUS) = USB_SIE_SETUP;
        answer_setup();
    }
}

void usb_start(void) {
    REG(CLK_USB_CTRL) = CLK_ENABLE; /* from the USB PLL */
    SET(RESETS) = RESET_USB;
    CLEAR(RESETS) = RESET_USB;
    while (!(REG(RESETS_DONE) & RESET_USB)) {}
    for (uint32_t at = 0; at < USB_MEMORY_BYTES; at += 4) REG(USB_MEMORY + at) = 0;
    REG(USB_MUXING) = USB_TO_PHY | USB_SOFT_CONNECT;
    REG(USB_POWER) = USB_VBUS_PRESENT | USB_VBUS_OVERRIDE;
    REG(USB_MAIN_CTRL) = 1;
    REG(USB_SIE_CTRL) = USB_SIE_INTERRUPT_PER_BUFFER;
    REG(USB_INTERRUPTS) = USB_INTERRUPT_BUFFER | USB_INTERRUPT_RESET | USB_INTERRUPT_SETUP |
                          USB_INTERRUPT_SUSPEND | USB_INTERRUPT_RESUME;
    REG(NVIC_ENABLE) = 1u << IRQ_USB;
    SET(USB_SIE_CTRL) = USB_SIE_PULL_UP; /* the host sees us */
}

/* ---- what the line needs --------------------------------------------------------------------- */

uint8_t usb_is_open(void) { return is_configured && is_opened && !is_suspended; }

uint32_t usb_room(void) { return SENDING - (written - sent); }

void usb_write(char byte) {
    __asm volatile("cpsid i" ::: "memory");
    if (!is_skipping && usb_room()) {
        sending[written++ % SENDING] = (uint8_t)byte;
    } else { /* nobody reads: the line is lost as a whole */
        written = whole;
        is_skipping = 1;
    }
    if (byte == '\n') {
        whole = written;
        is_skipping = 0;
    }
    if (!is_sending && usb_is_open()) send_next();
    __asm volatile("cpsie i" ::: "memory");
}

int usb_read(void) {
    if (read_out == received) return -1;
    uint8_t byte = receiving[read_out % RECEIVING];
    read_out++;
    return byte;
}
