# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2153,SC2154
#
# libvirt.sh - the machines of vm.sh as libvirt's files: a network for every switch, a domain for every machine, and
# what they boot. Sourced by lab/lab.

# An isolated switch: no address of the hypervisor's, no DHCP, and any MAC may speak at any port.
libvirt_network() {
	cat <<-END
		<network>
		  <name>tandem-$1</name>
		  <bridge name='tandem$1' stp='off' delay='0'/>
		</network>
	END
}

libvirt_interfaces() {
	local net

	while read -r _ net; do
		cat <<-END
			    <interface type='network'>
			      <mac address='$(mac "$net" "$(machine_number "$1")")'/>
			      <source network='tandem-$net'/>
			      <model type='virtio'/>
			      <driver name='vhost' queues='$(machine_queues "$1")'/>
			    </interface>
		END
	done <<<"$(machine_links "$1")"
}

libvirt_disk() {                # FILE TARGET
	cat <<-END
		    <disk type='file' device='disk'>
		      <driver name='qemu' type='raw'/>
		      <source file='$1'/>
		      <target dev='$2' bus='virtio'/>
		      <readonly/>
		      <shareable/>
		    </disk>
	END
}

libvirt_domain() {              # MACHINE DIR
	cat <<-END
		<domain type='kvm'>
		  <name>tandem-$1</name>
		  <memory unit='MiB'>$(machine_memory "$1")</memory>
		  <vcpu>$(machine_cpus "$1")</vcpu>
		  <cpu mode='host-passthrough'/>
		  <os>
		    <type arch='x86_64' machine='pc'>hvm</type>
		    <kernel>$2/vmlinuz</kernel>
		    <initrd>$2/initrd</initrd>
		    <cmdline>$KERNEL_ARGUMENTS</cmdline>
		  </os>
		  <features><acpi/></features>
		  <devices>
		$(libvirt_disk "$2/root.ext4" vda)
		$(libvirt_disk "$2/$1.tar" vdb)
		$(libvirt_interfaces "$1")
		    <channel type='unix'>
		      <target type='virtio' name='tandem.lab'/>
		    </channel>
		    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
		    <serial type='pty'/>
		    <console type='pty'/>
		  </devices>
		</domain>
	END
}

# write_libvirt DIR
write_libvirt() {
	local to machine net

	mkdir -p "$1" && to=$(cd "$1" && pwd) || return 1
	cp "$IMAGE"/{vmlinuz,initrd,root.ext4} "$to/" || return 1
	for net in $(for machine in $(machines); do machine_links "$machine"; done | cut -d ' ' -f 2 | sort -u); do
		libvirt_network "$net" >"$to/network-$net.xml"
	done
	for machine in $(machines); do
		mv "$STATE/vm/$machine/files.tar" "$to/$machine.tar" && libvirt_domain "$machine" "$to" >"$to/$machine.xml" || return 1
	done
	echo "for f in $to/network-*.xml; do virsh net-create \$f; done"
	for machine in $(machines); do
		echo "virsh create $to/$machine.xml"
	done
}
