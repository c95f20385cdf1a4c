<?php
/**
 * Plugin Name: Onlookers
 * Description: Shows how many people have a page open, live, by the picture of an onlookers server: [onlookers], and a widget.
 * Version: 0.1.0
 * Requires PHP: 7.4
 * License: MIT
 */

defined('ABSPATH') || exit;

/** The address of the server, without a slash at the end; set in Settings → General. */
function onlookers_counter() {
    return untrailingslashit(get_option('onlookers_counter', ''));
}

/** The picture's tag: of the whole site, or of one page of it. Nothing as long as no server is named. */
function onlookers_tag($page = '', $label = '') {
    $counter = onlookers_counter();
    if ($counter === '') {
        return '';
    }
    $parameters = array_filter(array('page' => $page, 'label' => $label), 'strlen');
    $query = http_build_query($parameters, '', '&', PHP_QUERY_RFC3986);
    $one = $counter . '/online.png' . ($query === '' ? '' : '?' . $query);
    $two = $counter . '/online.png?' . ($query === '' ? '' : $query . '&') . 'scale=2';
    return sprintf(
        '<img loading="lazy" srcset="%s, %s 2x" width="200" height="30" alt="%s">',
        esc_url($one),
        esc_url($two),
        esc_attr($label === '' ? __('Users online', 'onlookers') : $label)
    );
}

/** The path of the post or page that is shown, not encoded; the front page has "/". */
function onlookers_path() {
    $path = wp_parse_url(is_singular() ? get_permalink() : home_url('/'), PHP_URL_PATH);
    return $path ? rawurldecode($path) : '/';
}

/** [onlookers], [onlookers page="auto"], [onlookers page="/posts/1" label="Readers"] */
function onlookers_shortcode($attributes) {
    $given = shortcode_atts(array('page' => '', 'label' => ''), $attributes, 'onlookers');
    $page = $given['page'] === 'auto' ? onlookers_path() : $given['page'];
    return onlookers_tag($page, $given['label']);
}
add_shortcode('onlookers', 'onlookers_shortcode');

class Onlookers_Widget extends WP_Widget {
    public function __construct() {
        parent::__construct('onlookers', __('Users online', 'onlookers'));
    }

    public function widget($arguments, $instance) {
        $page = empty($instance['each_page']) ? '' : onlookers_path();
        echo $arguments['before_widget'], onlookers_tag($page), $arguments['after_widget'];
    }

    public function form($instance) {
        printf(
            '<p><label><input type="checkbox" name="%s"%s> %s</label></p>',
            esc_attr($this->get_field_name('each_page')),
            empty($instance['each_page']) ? '' : ' checked',
            esc_html__('Each page has a number of its own', 'onlookers')
        );
    }

    public function update($new, $old) {
        return array('each_page' => !empty($new['each_page']));
    }
}
add_action('widgets_init', function () {
    register_widget('Onlookers_Widget');
});

add_action('admin_init', function () {
    register_setting('general', 'onlookers_counter', array('type' => 'string', 'sanitize_callback' => 'esc_url_raw'));
    add_settings_field('onlookers_counter', __('Onlookers server', 'onlookers'), function () {
        printf(
            '<input type="url" name="onlookers_counter" class="regular-text" placeholder="https://count.example" value="%s">',
            esc_attr(get_option('onlookers_counter', ''))
        );
    }, 'general');
});
